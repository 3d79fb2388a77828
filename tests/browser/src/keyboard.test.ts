import type { Locator } from "playwright-core";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { beforeEach, expect, test } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { hasFocus } from "./has-focus.ts";
import { untilFocused } from "./until-focused.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser();

beforeEach(() => {
  const lines = Array.from({ length: 60 }, (_, index) => `Line ${index + 1}`).join("\n\n");
  world().stack.n8n.answerWith((call) => ({ body: { output: call.body.chatInput === "long" ? lines : "Hi" } }));
});

/** Presses Tab until this has the focus. */
async function tabTo({ page }: ChatPage, isThere: () => Promise<boolean>, key = "Tab"): Promise<void> {
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press(key);
    if (await isThere()) return;
  }
  throw new Error(`${key} does not lead there`);
}

const scrollTop = (scroller: Locator): Promise<number> => scroller.evaluate((element) => element.scrollTop);

test("with the keyboard alone one opens the chat, writes, reads back, closes it and is where one was", async () => {
  const chat = await world().visit(await world().visitor());
  const { keyboard } = chat.page;
  await tabTo(chat, () => hasFocus(chat.launcher));
  await keyboard.press("Enter");
  await untilFocused(chat.field);
  await keyboard.type("long");
  await keyboard.press("Enter");
  await chat.entry("Line 60").getByRole("time").waitFor();
  await untilFocused(chat.field);

  await tabTo(chat, () => hasFocus(chat.conversation), "Shift+Tab");
  const atEnd = await scrollTop(chat.conversation);
  expect(atEnd).toBeGreaterThan(0);
  await keyboard.press("PageUp");
  await waitFor("the conversation to scroll", async () => (await scrollTop(chat.conversation)) < atEnd);

  await keyboard.press("Escape");
  await chat.untilClosed();
  await untilFocused(chat.launcher);
});

test("Tab stays in the open panel, in both directions", async () => {
  const chat = await world().openChat();
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Hi"]);
  for (const key of ["Tab", "Shift+Tab"]) {
    for (let presses = 0; presses < 8; presses += 1) {
      await chat.page.keyboard.press(key);
      const isInside = await chat.panel.evaluate((panel) =>
        panel.contains((panel.getRootNode() as ShadowRoot).activeElement),
      );
      expect(isInside).toBe(true);
    }
    await tabTo(chat, () => hasFocus(chat.field), key);
  }
});

test("the close button gives the focus back to the launcher, too", async () => {
  const chat = await world().openChat();
  await chat.closeButton.focus();
  await chat.page.keyboard.press("Space");
  await untilFocused(chat.launcher);
  await chat.page.keyboard.press("Space");
  await untilFocused(chat.field);
});

test("what became of a message can be acted on with the keyboard, and the focus is not lost with it", async () => {
  const visitor = await world().visitor();
  const chat = await world().visit(visitor);
  await chat.open();
  await visitor.setOffline(true);
  await chat.send("Not this");
  const discard = chat.entry("You: Not this").getByRole("button", { name: "Delete" });
  await discard.waitFor();
  await tabTo(chat, () => hasFocus(discard), "Shift+Tab");
  await chat.page.keyboard.press("Enter");
  await untilSaid(chat, []);
  await untilFocused(chat.field);
});
