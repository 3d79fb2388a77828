import { waitFor } from "@chat-relay/testkit/wait-for";
import { describe, expect, test } from "vitest";
import { useN8n } from "./rig/world.ts";

const world = useN8n();

const TEXT = "Grüße 👋 {{ $json }}";
const CHAT_TRIGGER = "c4a70004-0000-4000-8000-00000000f001/chat";

async function open(path: string) {
  await world().relayTo(path);
  return world().chat();
}

test("answer in the response", async () => {
  const chat = await open("chat-relay-answer");
  const { reply, firstPieceMs } = await chat.ask(TEXT);
  expect(reply.content).toBe(`You said: ${TEXT}`);
  expect(firstPieceMs).toBeNull();
});

describe("AI Agent, streamed", () => {
  test("its words are shown while the model speaks, and it remembers the session", async () => {
    const chat = await open("chat-relay-stream");
    const gate = Promise.withResolvers<void>();
    world().model.speakWith(async function* () {
      yield "Good ";
      yield "morning";
      await gate.promise;
      yield ", Zoë 👋";
    });
    const asked = await chat.send(TEXT);
    await chat.untilShown(asked, "Good morning");
    expect(chat.said()).toEqual([]);
    gate.resolve();
    const { reply } = await chat.answer(asked);
    expect(reply.content).toBe("Good morning, Zoë 👋");
    await chat.ask("And now?");
    expect(world().model.calls.at(-1)?.said).toEqual([TEXT, "Good morning, Zoë 👋", "And now?"]);
  });
});

test("answer later, by a signed callback", async () => {
  const chat = await open("chat-relay-callback");
  const asked = await chat.send(TEXT);
  await chat.told(asked.message.id, "delivered");
  expect(chat.said()).toEqual([]);
  const { reply } = await chat.answer(asked);
  expect(reply.content).toBe(`Done: ${TEXT}`);
  await chat.told(asked.message.id, "answered");
});

test("a Chat Trigger, unchanged", async () => {
  const chat = await open(CHAT_TRIGGER);
  world().model.speakWith((call) => [`Heard: ${call.prompt}`]);
  const { reply } = await chat.ask(TEXT);
  expect(reply.content).toBe(`Heard: ${TEXT}`);
});

test("speak first: an answer now, and a follow-up that nobody asked for", async () => {
  const chat = await open("chat-relay-follow-up");
  await chat.ask(TEXT);
  await waitFor("the follow-up", () => chat.said().length === 2, 60_000);
  expect(chat.said()).toEqual([`You said: ${TEXT}`, "Did that help? I am still here."]);
  const history = await chat.visitor.messages();
  expect(history.map(({ replyTo }) => replyTo !== null)).toEqual([false, true, false]);
});
