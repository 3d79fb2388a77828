/** Where Debian and Ubuntu install it. */
export const CHROMIUM_PATH = "/usr/bin/chromium";
