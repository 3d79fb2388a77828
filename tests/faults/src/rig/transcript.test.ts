import type { ChatMessage } from "@chat-relay/core/message";
import type { WireEvent } from "@chat-relay/testkit/live-reader";
import { expect, test } from "vitest";
import { LIVE_INVARIANTS, Transcript } from "./transcript.ts";

const SESSION = "00000000-0000-7000-8000-00000000000a";

const idOf = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, "0")}`;
const position = (sequence: number, status: number) => `${SESSION}.${sequence}.${status}`;

function stored(sequence: number, replyTo: string | null = null): ChatMessage {
  const role = replyTo === null ? "user" : "assistant";
  const status = replyTo === null ? "answered" : "received";
  const fixed = {
    sessionId: SESSION,
    messageType: "text",
    metadata: {},
    createdAt: "2026-01-01T00:00:00.000Z",
  } as const;
  return { id: idOf(sequence), sequence, role, content: `text ${sequence}`, status, replyTo, ...fixed };
}

const message = (data: ChatMessage, statuses = 0): WireEvent => {
  return { event: "message", id: position(data.sequence, statuses), data };
};
const asked = (data: ChatMessage, statuses = 0) => message({ ...data, status: "queued" }, statuses);
const status = (messageId: string, sequence: number, number: number, to = "answered", attempts = 1): WireEvent => {
  return { event: "status", id: position(sequence, number), data: { messageId, status: to, attempts } };
};
const ready = (sequence = 0, number = 0): WireEvent => {
  return { event: "ready", id: position(sequence, number), data: { sessionId: SESSION } };
};
const delta = (content: string, offset = 0, replyTo = idOf(1)): WireEvent => {
  return { event: "delta", id: undefined, data: { replyTo, block: 0, offset, content } };
};
/** A new connection. */
const AGAIN = "again";

const history = [stored(1), stored(2, idOf(1)), stored(3), stored(4, idOf(3))];
const [first, reply1, second, reply2] = history as [ChatMessage, ChatMessage, ChatMessage, ChatMessage];
const [q1, r1, s1] = [asked(first), message(reply1), status(first.id, 2, 1)];
const [q2, r2, s2] = [asked(second, 1), message(reply2, 1), status(second.id, 4, 2)];

function check(told: readonly (WireEvent | typeof AGAIN)[], present = history): Transcript {
  const transcript = new Transcript(SESSION);
  for (const event of told) {
    if (event === AGAIN) transcript.connect();
    else transcript.take(event);
  }
  transcript.check(present);
  return transcript;
}

/** The second message, behind one status more. */
const SECOND = [asked(second, 2), message(reply2, 2), status(second.id, 4, 3)];
const WHOLE = [ready(), q1, delta("te"), delta("xt", 2), r1, s1, AGAIN, ready(2, 1), q2, r2, s2] as const;

test("a conversation that was told as promised is found in order", () => {
  expect(check(WHOLE).hasAll(history)).toBe(true);
  expect(new Transcript(SESSION).hasAll(history)).toBe(false);
});

test("text of an attempt that came to nothing may be withdrawn, and told anew after a lost connection", () => {
  const withdrawn = [delta("wrong"), status(first.id, 1, 1, "queued"), delta(""), delta("text 2")];
  const rest = [message(reply1, 1), status(first.id, 2, 2, "answered", 2)];
  const present = history.slice(0, 2);
  expect(check([ready(), q1, ...withdrawn, AGAIN, ready(1, 1), delta("text "), ...rest], present).isFlawed).toBe(false);
});

test("a status tells too that text has come to nothing, but not what goes on from there", () => {
  const failed = [ready(), q1, delta("wrong"), status(first.id, 1, 1, "queued")];
  const reply = [message(reply1, 1), status(first.id, 2, 2, "answered", 2)];
  const present = history.slice(0, 2);
  expect(check([...failed, ...reply], present).isFlawed).toBe(false);
  expect(() => check([...failed, delta("also wrong"), ...reply], present)).toThrow(LIVE_INVARIANTS.text);
});

test("a reader who comes back late is told of statuses that have passed", () => {
  const late = message(first, 0);
  const statuses = [status(first.id, 2, 1, "delivered"), status(first.id, 2, 2, "unanswered")];
  const told = [ready(), late, message(reply1), ...statuses, status(first.id, 2, 3)];
  expect(check(told, history.slice(0, 2)).isFlawed).toBe(false);
});

test.each<[string, string, readonly (WireEvent | typeof AGAIN)[]]>([
  ["an event of another session", LIVE_INVARIANTS.own, [ready(), q1, { ...r1, data: { ...reply1, sessionId: "b" } }]],
  ["another session's id", LIVE_INVARIANTS.own, [ready(), { ...q1, id: `${idOf(9)}.1.0` }]],
  ["the status of another's message", LIVE_INVARIANTS.own, [...WHOLE, status(idOf(99), 4, 3)]],
  ["text for another's message", LIVE_INVARIANTS.own, [...WHOLE, delta("", 0, idOf(99))]],
  ["a reader who is brought elsewhere", LIVE_INVARIANTS.resumed, [ready(), q1, AGAIN, ready(2, 1)]],
  ["a reader who is reset", LIVE_INVARIANTS.resumed, [ready(), { ...ready(), event: "reset" }]],
  ["a stream that does not begin with ready", LIVE_INVARIANTS.resumed, [q1]],
  ["a message that is told again", LIVE_INVARIANTS.once, [ready(), q1, r1, s1, AGAIN, ready(2, 1), r1]],
  ["an id that comes again", LIVE_INVARIANTS.once, [ready(), q1, r1, s1, { ...q2, id: s1.id }]],
  ["an id that goes back", LIVE_INVARIANTS.once, [ready(), q1, r1, s1, { ...q2, id: position(3, 0) }]],
  ["a status that comes before its message", LIVE_INVARIANTS.once, [ready(), status(first.id, 0, 1), q1]],
  ["something behind the end", LIVE_INVARIANTS.once, [ready(), { event: "end", id: undefined, data: {} }, q1]],
  ["a gap", LIVE_INVARIANTS.complete, [ready(), q1, { ...q2, id: position(3, 0) }]],
  ["a message that is not told", LIVE_INVARIANTS.complete, [ready(), q1, r1, s1, q2]],
  ["a message with other words", LIVE_INVARIANTS.complete, [ready(), asked({ ...first, content: "x" })]],
  ["more than there is", LIVE_INVARIANTS.complete, [...WHOLE, asked(stored(5), 2)]],
  ["a status that is not told", LIVE_INVARIANTS.statuses, WHOLE.slice(0, -1)],
  ["a status that cannot be", LIVE_INVARIANTS.statuses, [...WHOLE, status(first.id, 4, 3, "queued")]],
  [
    "attempts that go back",
    LIVE_INVARIANTS.statuses,
    [ready(), q1, status(first.id, 1, 1, "queued", 2), message(reply1, 1), status(first.id, 2, 2), ...SECOND],
  ],
  ["text with a hole", LIVE_INVARIANTS.text, [...WHOLE.slice(0, 3), delta("t", 3), ...WHOLE.slice(4)]],
  [
    "text that is not told anew",
    LIVE_INVARIANTS.text,
    [...WHOLE.slice(0, 3), AGAIN, ready(1), delta("xt", 2), ...WHOLE.slice(4)],
  ],
  ["text that is not how the reply begins", LIVE_INVARIANTS.text, [ready(), q1, delta("other"), ...WHOLE.slice(4)]],
  ["text of a reply that is finished", LIVE_INVARIANTS.over, [...WHOLE, delta("late")]],
  ["text that is left over", LIVE_INVARIANTS.over, [...WHOLE, delta("left", 0, reply2.id)]],
])("%s is found", (_, invariant, told) => {
  expect(() => check(told)).toThrow(invariant);
});

test("what a reader reports itself is found", () => {
  for (const invariant of ["framed", "open"] as const) {
    const transcript = new Transcript(SESSION);
    transcript.report(invariant, "x");
    expect(() => transcript.check([])).toThrow(LIVE_INVARIANTS[invariant]);
  }
});
