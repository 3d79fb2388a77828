import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { beforeEach, expect, test } from "vitest";
import { hasFocus } from "./has-focus.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const REPLY_TIMEOUT_MS = 2_000;

const world = useBrowser(() => ({
  CHAT_REPLY_TIMEOUT_MS: String(REPLY_TIMEOUT_MS),
  CHAT_MESSAGE_MAX_CHARS: "100",
}));

beforeEach(() => {
  world().stack.n8n.answerWith((call) => ({ body: { output: `Re: ${call.body.chatInput}` } }));
});

test("while a reply is expected the page shows that it is being written, and no longer when it is there", async () => {
  const next = streamAnswers(world().stack.n8n);
  const chat = await world().openChat();
  await chat.send("Hello");
  const answer = await next();
  await chat.entry("Writing a reply…").waitFor();
  answer.say("Hi");
  await untilSaid(chat, ["You: Hello", "Assistant: Hi"]);
  answer.end();
  await chat.entry("Hi").getByRole("time").waitFor();
  expect(await chat.entry("Writing a reply…").count()).toBe(0);
});

test("a reply that is there before its message is known to be accepted is shown below it", async () => {
  const chat = await world().openChat();
  const { promise: shown, resolve: letPass } = Promise.withResolvers<void>();
  await chat.page.route("**/api/chat/send", async (route) => {
    const response = await route.fetch();
    await shown;
    await route.fulfill({ response }).catch(() => {}); // the client may have asked again meanwhile
  });
  await chat.send("Hello");
  await untilSaid(chat, ["You: Hello", "Assistant: Re: Hello"]);
  await chat.entry("Sending…").waitFor();
  letPass();
  await chat.entry("You: Hello").getByRole("time").waitFor({ state: "attached" });
  expect(await chat.said()).toEqual(["You: Hello", "Assistant: Re: Hello"]);
  await chat.page.unrouteAll({ behavior: "wait" });
});

test("a message that could not be delivered says so, and is sent again when the visitor asks for it", async () => {
  const { n8n } = world().stack;
  n8n.answerWith(() => ({ status: 500 }));
  const chat = await world().openChat();
  await chat.send("Hello");
  await chat.entry("Could not be delivered").waitFor();
  expect(n8n.calls.at(-1)?.headers["chat-attempt"]).toBe("3");
  n8n.answerWith(() => ({ body: { output: "Here I am" } }));
  const again = chat.entry("You: Hello").getByRole("button", { name: "Try again" });
  await again.evaluate((button: HTMLElement) => {
    button.click();
    button.click(); // before anything is drawn
  });
  await untilSaid(chat, ["You: Hello", "You: Hello", "Assistant: Here I am"]);
  await waitFor("nothing to try again", async () => (await chat.panel.getByText("Try again").count()) === 0);
});

test("a message without a reply in time says so, until the late reply comes", async () => {
  const { stack } = world();
  stack.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
  const chat = await world().openChat();
  await chat.send("Anybody?");
  await chat.entry("No reply so far").waitFor();
  const { sessionId, data } = stack.n8n.calls.at(-1)?.body ?? {};
  await stack.callback("late-1", { sessionId, replyTo: data.messageId, content: "Sorry, I was away" });
  await untilSaid(chat, ["You: Anybody?", "Assistant: Sorry, I was away"]);
  await waitFor("no complaint", async () => (await chat.entry("No reply so far").count()) === 0);
});

test("a message that the gateway refuses stays on the page, can be edited and sent", async () => {
  const chat = await world().openChat();
  const tooLong = "x".repeat(101);
  await chat.send(tooLong);
  const entry = chat.entry("Not sent");
  await entry.getByRole("button", { name: "Edit" }).click();
  expect(await chat.field.inputValue()).toBe(tooLong);
  expect(await hasFocus(chat.field)).toBe(true);
  await untilSaid(chat, []);
  await chat.send("Shorter");
  await untilSaid(chat, ["You: Shorter", "Assistant: Re: Shorter"]);
});

test("a text longer than a message may be is counted, and cannot be sent", async () => {
  const chat = await world().openChat();
  await chat.field.fill("x".repeat(4_001));
  await chat.panel.getByText("1 character too many").waitFor();
  expect(await chat.sendButton.isDisabled()).toBe(true);
  expect(await chat.field.getAttribute("aria-invalid")).toBe("true");
  await chat.field.press("Enter");
  expect(await chat.said()).toEqual([]);
  await chat.field.press("Backspace");
  await chat.panel.getByText("0 characters left").waitFor();
  expect(await chat.sendButton.isEnabled()).toBe(true);
});

test("white space alone cannot be sent, and Shift+Enter makes a new line", async () => {
  const chat = await world().openChat();
  await chat.field.fill(" \n ");
  expect(await chat.sendButton.isDisabled()).toBe(true);
  await chat.field.press("Enter");
  await chat.field.fill("One");
  await chat.field.press("Shift+Enter");
  await chat.page.keyboard.type("two");
  await chat.sendButton.click();
  await untilSaid(chat, ["You: One\ntwo", "Assistant: Re: Onetwo"]); // with a line break in between
});
