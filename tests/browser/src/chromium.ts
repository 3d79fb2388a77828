import { chromium, type Browser } from "playwright-core";
import { CHROMIUM_PATH } from "./chromium-path.ts";

// What a browser does for itself (updates, metrics, sign-in) is no part of a test, and would count as requests that leave.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts Chromium without a window, on a new profile that goes with it. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM_PATH, args: FLAGS });
}
