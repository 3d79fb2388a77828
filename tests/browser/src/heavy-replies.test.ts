import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser();

/** Has the bot say this: how many elements it has become, and its text as it is read. */
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

test("nor does one become too much that comes piece by piece: the rest of it is as it was written", async () => {
  const next = streamAnswers(world().stack.n8n);
  const chat = await world().openChat();
  await chat.send("Go on");
  const answer = await next();
  for (let piece = 1; piece <= 7; piece += 1) {
    answer.say(`${"**a** ".repeat(1_000)}Piece ${piece}.\n\n`);
    await chat.entry(`Piece ${piece}.`).waitFor();
  }
  answer.end();
  await chat.entry("Piece 7.").getByRole("time").waitFor();
  const { elements, strong, read } = await lookAt(chat);
  expect(elements).toBeLessThanOrEqual(5_000);
  expect(strong).toBeGreaterThan(0);
  expect(strong + read.split("**a**").length - 1).toBe(7_000);
});

test("a reply that begins anew is rendered, whatever it was before", async () => {
  const { stack } = world();
  stack.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
  const chat = await world().openChat();
  await chat.send("Begin anew");
  await waitFor("the call", () => stack.n8n.calls.at(-1)?.body.chatInput === "Begin anew");
  const { sessionId, data } = stack.n8n.calls.at(-1)?.body ?? {};
  const say = async (id: string, content: string): Promise<void> => {
    const delta = { type: "chat.reply.delta", sessionId, replyTo: data.messageId, offset: 0, content };
    expect((await stack.callback(id, delta)).status).toBe(200);
  };
  await say("too-much", "**a** ".repeat(6_000));
  await chat.entry("**a** **a**").waitFor();
  await say("anew", "**Well**, then");
  await chat.entry("Well, then").waitFor();
  expect((await lookAt(chat)).strong).toBe(1);
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
  const dense = "**a,".repeat(20_000);
  const { read } = await show(`Before\n\n${dense}\n\nAfter`);
  expect(read).toBe(`Before\n\n${dense}\n\nAfter`);
});
