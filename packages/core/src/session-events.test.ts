import { describe, expect, test } from "vitest";
import { changeSubject, LIVE_STREAM_SUBJECTS, liveSubject, pieceSubject } from "./events.ts";
import { newId } from "./ids.ts";
import { replyPieces } from "./reply-pieces.ts";
import { eventId, hasReached, parseEventId, sessionChange, unreadChange } from "./session-events.ts";

const SESSION = newId();
const OTHER = newId();

describe("the id of an event", () => {
  test("stands for a position of its session", () => {
    const position = { sequence: 12, status: 7 };
    expect(parseEventId(SESSION, eventId(SESSION, position))).toEqual(position);
    expect(parseEventId(SESSION, eventId(SESSION, { sequence: 0, status: 0 }))).toEqual({ sequence: 0, status: 0 });
  });

  test.each([
    eventId(OTHER, { sequence: 1, status: 1 }),
    "",
    "7",
    SESSION,
    `${SESSION}.1`,
    `${SESSION}.1.`,
    `${SESSION}.1.1.1`,
    `${SESSION}.-1.1`,
    `${SESSION}.1e3.1`,
    `${SESSION}.1.1 `,
    `${SESSION}.1.1\n`,
    ` ${SESSION}.1.1`,
    `${SESSION.toUpperCase()}.1.1`,
    `${SESSION}.2147483648.1`, // more than the database can be asked about
    `${SESSION}.1.99999999999`,
    "-".repeat(36) + ".1.1",
  ])("%j is none of the session's", (text) => {
    expect(parseEventId(SESSION, text)).toBeUndefined();
  });
});

test("metadata is announced as it is stored, a key __proto__ too", () => {
  const data = JSON.parse(`{"id":"${newId()}","sessionId":"${SESSION}","sequence":1,"role":"assistant","content":"Hi",
    "messageType":"text","metadata":{"__proto__":{"x":1},"a":1},"status":"received","replyTo":null,
    "createdAt":"2026-11-22T00:00:00.000Z"}`) as unknown;
  const position = { sequence: 1, status: 0 };
  const change = {
    sessionId: SESSION,
    after: { ...position, sequence: 0 },
    events: [{ type: "message", position, data }],
  };
  expect(JSON.stringify(sessionChange.parse(change))).toBe(JSON.stringify(change));
});

test("a reader has reached a position when it has both of its numbers", () => {
  const reader = { sequence: 3, status: 2 };
  expect(hasReached(reader, reader)).toBe(true);
  expect(hasReached(reader, { sequence: 2, status: 0 })).toBe(true);
  expect(hasReached(reader, { sequence: 4, status: 0 })).toBe(false);
  expect(hasReached(reader, { sequence: 0, status: 3 })).toBe(false);
});

describe("what is announced", () => {
  const position = { sequence: 1, status: 1 };
  const status = { type: "status", position, data: { messageId: OTHER, status: "queued", attempts: 1 } } as const;
  const change = { sessionId: SESSION, after: { sequence: 1, status: 0 }, events: [status] };

  test("is read back as it was said", () => {
    expect(sessionChange.parse(JSON.parse(JSON.stringify(change)))).toEqual(change);
    expect(sessionChange.parse(unreadChange(SESSION))).toEqual({ sessionId: SESSION, after: null, events: [] });
  });

  test.each([
    { ...change, sessionId: "x" },
    { ...change, after: undefined },
    { ...change, after: { sequence: -1, status: 0 } },
    { ...change, events: [{ ...status, type: "delta" }] },
    { ...change, events: [{ ...status, position: { sequence: 1.5, status: 0 } }] },
    { ...change, events: [{ ...status, data: { ...status.data, status: "delivering" } }] },
  ])("is refused when it is no change", (given) => {
    expect(sessionChange.safeParse(given).success).toBe(false);
  });

  test("pieces are at least one, each with a place", () => {
    const pieces = [{ block: 0, offset: 0, content: "" }];
    const given = { id: "5.1", sessionId: SESSION, replyTo: OTHER, attempt: 0, afterSequence: 0, pieces };
    expect(replyPieces.parse(given)).toEqual(given);
    for (const change of [
      { pieces: [] },
      { pieces: [{ block: -1, offset: 0, content: "" }] },
      { pieces: [{ block: 0, offset: 0.5, content: "" }] },
      { pieces: [{ block: 0, offset: 0 }] },
      { id: "" },
      { replyTo: null },
      { attempt: -1 },
    ]) {
      expect(replyPieces.safeParse({ ...given, ...change }).success).toBe(false);
    }
  });
});

test("changes and pieces are both heard by who follows the session, and only pieces are kept", () => {
  const [change, piece] = [changeSubject(SESSION), pieceSubject(SESSION, OTHER)];
  const prefix = liveSubject(SESSION).slice(0, -1);
  expect([change.startsWith(prefix), piece.startsWith(prefix)]).toEqual([true, true]);
  const [kept = ""] = LIVE_STREAM_SUBJECTS.map((subject) => subject.replaceAll(".", "\\.").replaceAll("*", "[^.]+"));
  expect([change, piece].map((subject) => new RegExp(`^${kept}$`).test(subject))).toEqual([false, true]);
});
