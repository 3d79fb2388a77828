import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { BrowserContext } from "playwright-core";
import { describe, expect, test } from "vitest";
import { N8nChat, n8nPage, type N8nChatOptions } from "./n8n-page.ts";
import { untilSaid } from "./until-said.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser(({ origin }) => ({
  CHAT_N8N_COMPAT: "true",
  CHAT_ALLOWED_ORIGINS: origin,
  CHAT_STREAM_HEARTBEAT_MS: "1000",
}));

/** A visitor opens n8n's widget on a page of another site. */
async function openChat(options: Omit<N8nChatOptions, "webhookUrl"> = {}, visitor?: BrowserContext): Promise<N8nChat> {
  const { site, stack } = world();
  const url = n8nPage(site, { webhookUrl: `${stack.gateway.url}/api/chat/n8n`, ...options });
  const page = await (visitor ?? (await world().visitor())).newPage();
  await page.goto(url);
  const chat = new N8nChat(page);
  await chat.open();
  return chat;
}

function echo(): void {
  world().stack.n8n.answerWith((call) => ({ body: { output: `Re: **${call.body.chatInput}**` } }));
}

describe.each([
  ["off", {}],
  ["on", { enableStreaming: true }],
])("with streaming %s", (_, options) => {
  test("a visitor is answered, and finds the conversation again after a reload", async () => {
    echo();
    const chat = await openChat(options);
    await chat.send("Hello");
    await untilSaid(chat, ["You: Hello", "Bot: Re: Hello"]);
    await chat.send("Grüße 👋");
    const all = ["You: Hello", "Bot: Re: Hello", "You: Grüße 👋", "Bot: Re: Grüße 👋"];
    await untilSaid(chat, all);
    await chat.page.reload();
    await chat.open();
    await untilSaid(chat, all);
    await chat.send("Again");
    await untilSaid(chat, [...all, "You: Again", "Bot: Re: Again"]);
    const { calls } = world().stack.n8n;
    expect(new Set(calls.slice(-3).map(({ body }) => body.sessionId)).size).toBe(1);
    const id = await chat.page.evaluate(() => localStorage.getItem("n8n-chat/sessionId"));
    expect(calls.at(-1)?.body.sessionId).toBe(id); // n8n's memory goes on, too
  });

  test("a message that fails is told of", async () => {
    world().stack.n8n.answerWith(() => ({ status: 500, body: { message: "Error in workflow" } }));
    const chat = await openChat(options);
    await chat.send("Hello");
    const FAILED = "Your message could not be answered. Please try again later.";
    const prefix = "enableStreaming" in options ? "Error: " : "";
    await untilSaid(chat, ["You: Hello", `Bot: ${prefix}${FAILED}`]);
  });

  test("a file is refused, and the visitor is told", async () => {
    echo();
    const chat = await openChat({ ...options, allowFileUploads: true });
    const chosen = chat.page.waitForEvent("filechooser");
    await chat.page.locator(".chat-input-file-button").click();
    const file = { name: "receipt.txt", mimeType: "text/plain", buffer: Buffer.from("x".repeat(100_000)) };
    await (await chosen).setFiles(file);
    await chat.send("My receipt");
    const prefix = "enableStreaming" in options ? "Error: " : "";
    const refusal = `Bot: ${prefix}Files cannot be sent in this chat; send the text alone`;
    await waitFor("the refusal", async () => (await chat.said()).at(-1) === refusal);
    expect(world().stack.n8n.calls.filter(({ body }) => body.chatInput === "My receipt")).toEqual([]);
  });

  test("n8n is killed in mid-answer and started again: the visitor gets the answer", async () => {
    const { stack } = world();
    const next = streamAnswers(stack.n8n);
    const chat = await openChat(options);
    await chat.send("Tell me");
    (await next()).say("Once upon ");
    if ("enableStreaming" in options) await untilSaid(chat, ["You: Tell me", "Bot: Once upon"]);
    await stack.restartN8n();
    const again = streamAnswers(stack.n8n);
    const answer = await again();
    expect(answer.call.headers["chat-attempt"]).toBe("2");
    answer.say("Once upon ");
    answer.say("a time.");
    answer.end();
    await untilSaid(chat, ["You: Tell me", "Bot: Once upon a time."]);
    await chat.page.reload();
    await chat.open();
    await untilSaid(chat, ["You: Tell me", "Bot: Once upon a time."]);
  });
});

test("with streaming on an answer is shown while it is written", async () => {
  const next = streamAnswers(world().stack.n8n);
  const chat = await openChat({ enableStreaming: true });
  await chat.send("Tell me");
  const answer = await next();
  answer.say("Once ");
  await untilSaid(chat, ["You: Tell me", "Bot: Once"]);
  answer.say("upon ");
  await untilSaid(chat, ["You: Tell me", "Bot: Once upon"]);
  answer.say("a time.");
  answer.end();
  await untilSaid(chat, ["You: Tell me", "Bot: Once upon a time."]);
});

test("with streaming on an attempt that comes to nothing is marked, and the next one's answer comes after it", async () => {
  const { stack } = world();
  const next = streamAnswers(stack.n8n);
  const chat = await openChat({ enableStreaming: true });
  await chat.send("Tell me");
  (await next()).say("A beginning that will be lost");
  await untilSaid(chat, ["You: Tell me", "Bot: A beginning that will be lost"]);
  await stack.restartN8n();
  stack.n8n.answerWith(() => ({ body: { output: "Another answer" } }));
  await untilSaid(chat, [
    "You: Tell me",
    "Bot: A beginning that will be lost\n(This answer broke off.)",
    "Bot: Another answer",
  ]);
});

test("an answer by callback comes to the visitor who waits", async () => {
  const { stack } = world();
  stack.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
  const chat = await openChat();
  await chat.send("Call me back");
  const { data, sessionId } = await waitFor("the call", () =>
    stack.n8n.calls.map(({ body }) => body).find(({ chatInput }) => chatInput === "Call me back"),
  );
  await stack.callback("call-back", { sessionId, replyTo: data.messageId, content: "Here I am" });
  await untilSaid(chat, ["You: Call me back", "Bot: Here I am"]);
});

test("a gateway that is killed meanwhile: the visitor asks again, and it is sent once", async () => {
  const { stack } = world();
  const next = streamAnswers(stack.n8n);
  const chat = await openChat();
  await chat.send("Tell me");
  const answer = await next();
  await stack.gateway.end("SIGKILL");
  await waitFor("the error", async () => (await chat.said()).length === 2);
  expect(await chat.said()).toEqual(["You: Tell me", "Bot: Error: Failed to receive response"]);
  await stack.gateway.start();
  await chat.send("Tell me");
  await waitFor("the visitor to wait again", async () => {
    const figures = await fetch(`${stack.gateway.url}/metrics`);
    return /^chat_live_streams\{[^}]*\} 1$/m.test(await figures.text());
  });
  answer.say("Once");
  answer.end();
  await waitFor("the answer", async () => (await chat.said()).at(-1) === "Bot: Once");
  const { sessionId } = answer.call.body;
  expect(stack.n8n.calls.filter(({ body }) => body.sessionId === sessionId)).toHaveLength(1);
});
