import { startModelServer, type ModelServer } from "./rig/model-server.ts";
import type { Stack } from "@chat-relay/testkit/stack";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { Chat } from "./rig/chat.ts";
import type { N8n } from "./rig/n8n.ts";
import { startRelay } from "./rig/relay.ts";
import { startN8n } from "./rig/start-n8n.ts";

let n8n: N8n;
let model: ModelServer;
let relay: Stack | undefined;

beforeAll(async () => {
  model = await startModelServer(inject("n8n").modelPort);
  n8n = await startN8n();
});
afterAll(async () => {
  await n8n[Symbol.asyncDispose]();
  await model[Symbol.asyncDispose]();
});
afterEach(async () => {
  await relay?.[Symbol.asyncDispose]();
  relay = undefined;
});

const TEXT = "Grüße 👋 {{ $json }}";
const CHAT_TRIGGER = "c4a70004-0000-4000-8000-00000000f001/chat";

async function open(path: string): Promise<Chat> {
  relay = await startRelay(n8n.webhook(path));
  return Chat.open(relay.gateway.url);
}

test("answer in the response", async () => {
  using chat = await open("chat-relay-answer");
  const { reply, firstPieceMs } = await chat.ask(TEXT);
  expect(reply.content).toBe(`You said: ${TEXT}`);
  expect(firstPieceMs).toBeNull();
});

describe("AI Agent, streamed", () => {
  test("its words are shown while the model speaks, and it remembers the session", async () => {
    using chat = await open("chat-relay-stream");
    const gate = Promise.withResolvers<void>();
    model.speakWith(async function* () {
      yield "Good ";
      yield "morning";
      await gate.promise;
      yield ", Zoë 👋";
    });
    const asked = await chat.send(TEXT);
    await expect.poll(() => chat.shown(asked.message.id), { timeout: 30_000 }).toBe("Good morning");
    expect(chat.said()).toEqual([]);
    gate.resolve();
    const { reply } = await chat.answer(asked);
    expect(reply.content).toBe("Good morning, Zoë 👋");
    await chat.ask("And now?");
    expect(model.calls.at(-1)?.said).toEqual([TEXT, "Good morning, Zoë 👋", "And now?"]);
  });
});

test("answer later, by a signed callback", async () => {
  using chat = await open("chat-relay-callback");
  const asked = await chat.send(TEXT);
  await chat.told(asked.message.id, "delivered");
  expect(chat.said()).toEqual([]);
  const { reply } = await chat.answer(asked);
  expect(reply.content).toBe(`Done: ${TEXT}`);
  await chat.told(asked.message.id, "answered");
});

test("a Chat Trigger, unchanged", async () => {
  using chat = await open(CHAT_TRIGGER);
  model.speakWith((call) => [`Heard: ${call.prompt}`]);
  const { reply } = await chat.ask(TEXT);
  expect(reply.content).toBe(`Heard: ${TEXT}`);
});

test("speak first: an answer now, and a follow-up that nobody asked for", async () => {
  using chat = await open("chat-relay-follow-up");
  await chat.ask(TEXT);
  await expect
    .poll(() => chat.said(), { timeout: 30_000 })
    .toEqual([`You said: ${TEXT}`, "Did that help? I am still here."]);
  const history = await chat.visitor.messages();
  expect(history.map(({ replyTo }) => replyTo !== null)).toEqual([false, true, false]);
});
