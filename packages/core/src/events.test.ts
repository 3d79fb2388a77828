import { describe, expect, test } from "vitest";
import {
  EVENTS,
  eventSubject,
  messageSentEvent,
  replyEvent,
  STREAM_SUBJECTS,
  type EventData,
  type EventType,
} from "./events.ts";

const SESSION = "019a8c7e-0000-7000-8000-000000000001";
const MESSAGE: EventData<"chat.message.sent"> = {
  id: "019a8c7e-0000-7000-8000-000000000002",
  sessionId: SESSION,
  sequence: 7,
  role: "user",
  content: "Hello!",
  messageType: "text",
  metadata: { source: "website" },
  status: "queued",
  replyTo: null,
  createdAt: "2026-03-01T12:00:00.000Z",
};
const REPLY: EventData<"chat.reply"> = { ...MESSAGE, role: "assistant", status: "received", replyTo: MESSAGE.id };

// A new entry of the catalogue must bring its sample.
const SAMPLES: { [T in EventType]: EventData<T> } = { "chat.message.sent": MESSAGE, "chat.reply": REPLY };
const TYPES = Object.keys(EVENTS) as EventType[];

/** Whether a subject of NATS with `>` at its end takes the other. */
function covers(pattern: string, subject: string): boolean {
  return pattern.endsWith(">") && subject.startsWith(pattern.slice(0, -1)) && subject.length > pattern.length - 1;
}

describe.each(TYPES)("%s", (type) => {
  test("its sample survives the bus unchanged", () => {
    expect(EVENTS[type].parse(JSON.parse(JSON.stringify(SAMPLES[type])))).toEqual(SAMPLES[type]);
  });

  test("its subject ends in the session and lies in the stream, once", () => {
    const subject = eventSubject(type, SESSION);
    expect(subject).toBe(`${type}.${SESSION}`);
    expect(STREAM_SUBJECTS.filter((pattern) => covers(pattern, subject))).toHaveLength(1);
  });

  test("takes a message without its text, when it says so", () => {
    const data = { ...SAMPLES[type], content: "", contentOmitted: true };
    expect(EVENTS[type].parse(data)).toEqual(data);
    expect(EVENTS[type].safeParse({ ...data, contentOmitted: false }).success).toBe(false);
  });

  test.each([
    { id: "1" },
    { sequence: 0 },
    { sequence: 1.5 },
    { role: "system" },
    { status: "lost" },
    { createdAt: "now" },
  ])("refuses %j", (change) => {
    expect(EVENTS[type].safeParse({ ...SAMPLES[type], ...change }).success).toBe(false);
  });
});

test("a token made anew is another event of the same message", () => {
  const first = messageSentEvent(MESSAGE, 1);
  const second = messageSentEvent(MESSAGE, 2);
  expect(first).toEqual({
    type: "chat.message.sent",
    id: `${MESSAGE.id}.1`,
    time: MESSAGE.createdAt,
    sessionId: SESSION,
    data: MESSAGE,
  });
  expect(second.id).toBe(`${MESSAGE.id}.2`);
});

test("a reply is one event, however often it is published", () => {
  expect(replyEvent(REPLY)).toEqual({
    type: "chat.reply",
    id: REPLY.id,
    time: REPLY.createdAt,
    sessionId: SESSION,
    data: REPLY,
  });
});
