import type { Locator } from "playwright-core";

/** Whether this is what has the focus, in the chat or around it. */
export function hasFocus(locator: Locator): Promise<boolean> {
  return locator.evaluate((element) => (element.getRootNode() as Document | ShadowRoot).activeElement === element);
}
