import type { ChatMessage } from "@chat-relay/core/message";
import { webhookBody } from "@chat-relay/core/webhook-body";
import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { expect, test } from "vitest";
import { signedHeaders, usualReply } from "./bot.ts";
import { checkLedger, INVARIANTS, type Allowances } from "./ledger.ts";
import type { Accepted, Expected } from "./load.ts";

const SESSION = "session-a";
const ANSWERED: Expected = { status: "answered", replies: 1 };

function message(sequence: number, role: "user" | "assistant", replyTo: string | null = null): ChatMessage {
  const id = `00000000-0000-7000-8000-${String(sequence).padStart(12, "0")}`;
  const status = role === "user" ? "answered" : "received";
  const fixed = {
    sessionId: SESSION,
    messageType: "text",
    metadata: {},
    createdAt: "2026-01-01T00:00:00.000Z",
  } as const;
  const content = replyTo === null ? `text ${sequence}` : usualReply(replyTo);
  return { id, sequence, role, content, status, replyTo, ...fixed };
}

function call(of: ChatMessage, at: number, attempt = 1): FakeCall {
  const session = { id: of.sessionId, userId: null, authenticated: false, metadata: {}, createdAt: of.createdAt };
  const rawBody = webhookBody({ ...of, messageId: of.id, session, callbackUrl: "http://127.0.0.1/" });
  const receivedAtMs = 1_700_000_000_000 + at;
  const headers = { ...signedHeaders(of.id, rawBody, receivedAtMs), "chat-attempt": String(attempt) };
  const body: unknown = JSON.parse(rawBody.toString());
  return { path: "/", headers, rawBody, body, receivedAtMs, endedAtMs: receivedAtMs + 5, ended: Promise.resolve() };
}

const first = message(1, "user");
const second = message(2, "user");
const transcript = [first, second, message(3, "assistant", first.id), message(4, "assistant", second.id)];
const calls = [call(first, 0), call(second, 10)];

interface Told {
  accepted: ChatMessage[];
  transcript: ChatMessage[];
  calls: FakeCall[];
  allowed: Allowances;
}

async function check(told: Partial<Told>): Promise<void> {
  const accepted = (told.accepted ?? [first, second]).map((entry): Accepted => ({
    message: entry,
    expected: ANSWERED,
    tookMs: 1,
  }));
  const load = {
    visitors: [{ sessionId: SESSION, sessionToken: "token" }],
    accepted,
    unasked: new Map<string, number>(),
    history: async () => told.transcript ?? transcript,
  };
  const answeredInResponse = () => true;
  await checkLedger({ load, calls: told.calls ?? calls, allowed: told.allowed ?? {}, answeredInResponse });
}

test("a conversation as it should be is found in order", async () => {
  await expect(check({})).resolves.toBeUndefined();
  const again = [call(first, 0), call(first, 8, 2), call(second, 20)];
  await expect(check({ calls: again })).resolves.toBeUndefined();
});

const [, , reply1, reply2] = transcript as [ChatMessage, ChatMessage, ChatMessage, ChatMessage];
const other = { ...call(first, 20, 2), rawBody: Buffer.from("{}") };
const held = { ...call(first, 0), endedAtMs: undefined };
const third = message(9, "user");

test.each<[string, string, Partial<Told>]>([
  ["a lost message", INVARIANTS.kept, { accepted: [first, second, third], calls: [...calls, call(third, 20)] }],
  ["a changed text", INVARIANTS.kept, { transcript: [{ ...first, content: "other" }, second, reply1, reply2] }],
  ["other metadata", INVARIANTS.kept, { transcript: [{ ...first, metadata: { a: 1 } }, second, reply1, reply2] }],
  ["another status", INVARIANTS.kept, { transcript: [{ ...first, status: "queued" }, second, reply1, reply2] }],
  ["a message that was never told", INVARIANTS.told, { calls: [call(first, 0)] }],
  [
    "a message told with other words",
    INVARIANTS.told,
    { calls: [call(first, 0), call({ ...second, content: "x" }, 10)] },
  ],
  ["a message told in another place", INVARIANTS.told, { accepted: [first, { ...second, sequence: 7 }] }],
  [
    "replies with each other's words",
    INVARIANTS.text,
    { transcript: [first, second, { ...reply1, content: reply2.content }, { ...reply2, content: reply1.content }] },
  ],
  ["a gap", INVARIANTS.gapless, { transcript: [first, second, reply1, { ...reply2, sequence: 5 }] }],
  ["a doubled reply", INVARIANTS.once, { transcript: [...transcript, message(5, "assistant", second.id)] }],
  ["a lost reply", INVARIANTS.once, { transcript: [first, second, reply1] }],
  ["a second copy of a message", INVARIANTS.once, { transcript: [...transcript, message(5, "user")] }],
  ["a reply nobody asked for", INVARIANTS.once, { transcript: [...transcript, message(5, "assistant")] }],
  [
    "replies that overtake each other",
    INVARIANTS.replyOrder,
    { transcript: [first, second, message(3, "assistant", second.id), message(4, "assistant", first.id)] },
  ],
  ["another's message", INVARIANTS.own, { transcript: [first, second, { ...reply1, sessionId: "b" }, reply2] }],
  ["a call after a later one", INVARIANTS.order, { calls: [call(second, 0), call(first, 10)] }],
  ["a call during an earlier one", INVARIANTS.order, { calls: [call(first, 0), call(second, 3)] }],
  ["other bytes in a second attempt", INVARIANTS.sameBytes, { calls: [call(first, 0), other] }],
  ["an attempt number twice", INVARIANTS.sameBytes, { calls: [call(first, 0), call(first, 10), call(second, 20)] }],
  ["a call during one before the last", INVARIANTS.order, { calls: [held, call(first, 3, 2), call(second, 20)] }],
  ["an attempt number that goes back", INVARIANTS.sameBytes, { calls: [call(first, 0, 2), call(first, 10, 1)] }],
])("%s is found", async (_, invariant, told) => {
  await expect(check(told)).rejects.toThrow(invariant);
});

test("what a case allows is overlooked, and nothing else", async () => {
  const overlap = [call(first, 0), call(second, 3)];
  await expect(check({ calls: overlap, allowed: { overlap: true } })).resolves.toBeUndefined();
  const replayed = [call(first, 0), call(second, 10), call(first, 30, 2)];
  await expect(check({ calls: replayed })).rejects.toThrow(INVARIANTS.order);
  await expect(check({ calls: replayed, allowed: { replayed: new Set([first.id]) } })).resolves.toBeUndefined();
});
