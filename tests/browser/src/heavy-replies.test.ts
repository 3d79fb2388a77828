import { expect, test } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser();

/** Has the bot say this; how many elements it has become, and its text as it is read. */
async function show(text: string): Promise<{ elements: number; strong: number; read: string }> {
  world().stack.n8n.answerWith(() => ({ body: [text, "The end."] }));
  const chat = await world().openChat();
  await chat.send("Go on");
  await chat.entry("The end.").getByRole("time").waitFor();
  return lookAt(chat);
}

function lookAt(chat: ChatPage): Promise<{ elements: number; strong: number; read: string }> {
  return chat.entries.nth(2).evaluate((entry) => {
    const bubble = entry.querySelector("[dir=auto]") ?? entry;
    const count = (selector: string): number => bubble.querySelectorAll(selector).length;
    return { elements: count("*"), strong: count("strong"), read: (bubble.textContent ?? "").trim() };
  });
}

test("a reply of 20,000 inline elements is shown as it was written", async () => {
  const text = "**a** ".repeat(20_000).trim();
  expect(await show(text)).toEqual({ elements: 1, strong: 0, read: text });
});

test("a reply that is long and made to be read is rendered", async () => {
  const { strong, read } = await show("**Word** by word. ".repeat(2_000));
  expect([strong, read.includes("**")]).toEqual([2_000, false]);
});

test.each([
  ["up to a length", 333, 333],
  ["and not beyond it", 334, 0],
])("text without a space is rendered %s", async (_which, words, strong) => {
  const text = "**a**,".repeat(words);
  expect(await show(text)).toMatchObject({ strong, read: strong === 0 ? text : "a,".repeat(words) });
});

test("text that would keep the parser busy for minutes is shown, with what is beside it", async () => {
  const dense = "*a_b`[".repeat(5_000);
  const { read } = await show(`Before\n\n${dense}\n\nAfter`);
  expect(read).toBe(`Before\n\n${dense}\n\nAfter`);
});
