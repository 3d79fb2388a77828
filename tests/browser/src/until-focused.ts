import { waitFor } from "@chat-relay/testkit/wait-for";
import type { Locator } from "playwright-core";
import { hasFocus } from "./has-focus.ts";

/** Waits until this has the focus. */
export async function untilFocused(locator: Locator): Promise<void> {
  await waitFor(`the focus on ${String(locator)}`, () => hasFocus(locator), 5_000);
}
