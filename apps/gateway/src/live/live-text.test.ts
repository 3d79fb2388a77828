import type { ReplyPiece, ReplyPieces } from "@chat-relay/core/reply-pieces";
import type { SessionEvent } from "@chat-relay/core/session-events";
import { describe, expect, test } from "vitest";
import { LiveText } from "./live-text.ts";

const sessionId = "01a204da-05d2-7348-8179-58e517fc07b1";
const message = "01a204da-05d2-7348-8179-58e517fc07b2";
const replyTo = message;
let ids = 0;

function pieces(attempt: number, list: ReplyPiece[], more: Partial<ReplyPieces> = {}): ReplyPieces {
  ids += 1;
  return { id: String(ids), sessionId, replyTo, attempt, afterSequence: 1, pieces: list, ...more };
}

const piece = (offset: number, content: string, block = 0): ReplyPiece => ({ block, offset, content });
const textOf = (text: LiveText) => text.whole().map(({ block, content }) => [block, content]);

function stored(sequence: number, replyTo = message): SessionEvent {
  const fixed = {
    messageType: "text",
    metadata: {},
    status: "received",
    createdAt: "2026-01-01T00:00:00.000Z",
  } as const;
  const data = { id: sessionId, sessionId, sequence, role: "assistant", content: "x", replyTo, ...fixed } as const;
  return { type: "message", position: { sequence, status: 0 }, data };
}

function status(state: "queued" | "failed" | "delivered" | "answered", attempts: number): SessionEvent {
  return {
    type: "status",
    position: { sequence: 1, status: attempts },
    data: { messageId: replyTo, status: state, attempts },
  };
}

describe("pieces", () => {
  test("that come twice or out of turn make the same text, and what is missing is told", () => {
    const text = new LiveText(100);
    const [one, two, three] = [pieces(1, [piece(0, "a")]), pieces(1, [piece(1, "b")]), pieces(1, [piece(2, "c")])];
    expect(text.take(one).deltas).toHaveLength(1);
    expect(text.take(three)).toEqual({ deltas: [], gap: true });
    expect(text.take(one).deltas).toEqual([]);
    expect(text.take(two)).toEqual({
      deltas: [
        { replyTo, ...piece(1, "b") },
        { replyTo, ...piece(2, "c") },
      ],
      gap: false,
    });
    expect(textOf(text)).toEqual([[0, "abc"]]);
  });

  test("sent again from the beginning replace what there was", () => {
    const text = new LiveText(100);
    text.take(pieces(1, [piece(0, "Hello")]));
    text.take(pieces(1, [piece(0, "Hello"), piece(5, " world")]));
    expect(textOf(text)).toEqual([[0, "Hello world"]]);
  });

  test("that waited do not cut off what was sent again meanwhile", () => {
    const text = new LiveText(100);
    text.take(pieces(1, [piece(5, " world")]));
    text.take(pieces(1, [piece(0, "Hello world!")]));
    expect(textOf(text)).toEqual([[0, "Hello world!"]]);
    expect(text.take(pieces(1, [piece(12, "!")])).gap).toBe(false);
  });

  test("that come late, after the text was sent again, do not cut it off either", () => {
    const text = new LiveText(100);
    text.take(pieces(1, [piece(0, "abcdefgh")]));
    expect(text.take(pieces(1, [piece(2, "cd")])).deltas).toEqual([]);
    expect(text.take(pieces(1, [piece(8, "ij")])).gap).toBe(false);
    expect(textOf(text)).toEqual([[0, "abcdefghij"]]);
  });

  test("of a callback may take text back", () => {
    const text = new LiveText(100);
    text.take(pieces(0, [piece(0, "abcdefgh")]));
    text.take(pieces(0, [piece(0, "abc")]));
    expect(textOf(text)).toEqual([[0, "abc"]]);
  });

  test("of the live log make whole what too many waited for", () => {
    const text = new LiveText(1_000);
    const all = Array.from({ length: 80 }, (_, index) => pieces(1, [piece(index, "a")]));
    for (const one of all.slice(1)) text.take(one);
    text.rebuild(all);
    expect(textOf(text)).toEqual([[0, "a".repeat(80)]]);
  });

  test("of a live log that has lost the beginning take nothing away, and add what they can", () => {
    const text = new LiveText(100);
    text.take(pieces(1, [piece(0, "so"), piece(0, "other", 1)]));
    text.rebuild([pieces(1, [piece(6, "!")]), pieces(1, [piece(2, " far")])]);
    expect(textOf(text)).toEqual([
      [0, "so far!"],
      [1, "other"],
    ]);
  });

  test("of the live log that are of a newer attempt withdraw what was shown of the one before", () => {
    const text = new LiveText(100);
    text.take(pieces(1, [piece(0, "old"), piece(0, "second", 1)]));
    text.rebuild([pieces(1, [piece(0, "old")]), pieces(2, [piece(0, "new")])]);
    expect(textOf(text)).toEqual([
      [0, "new"],
      [1, ""],
    ]);
  });

  test("are kept while many other replies are seen", () => {
    const text = new LiveText(100);
    text.take(pieces(1, [piece(0, "so far")], { afterSequence: 500 }));
    for (let count = 0; count < 150; count += 1) {
      const other = `01a204da-05d2-7348-8179-${String(count).padStart(12, "0")}`;
      text.observe(stored(count, other));
    }
    expect(textOf(text)).toEqual([[0, "so far"]]);
  });

  test("beyond what a reply may be are dropped", () => {
    const text = new LiveText(10);
    text.take(pieces(1, [piece(0, "0123456789")]));
    expect(text.take(pieces(1, [piece(10, "x")]))).toEqual({ deltas: [], gap: false });
    expect(text.take(pieces(1, [piece(99, "x", 1)]))).toEqual({ deltas: [], gap: false });
    expect(textOf(text)).toEqual([[0, "0123456789"]]);
  });
});

describe("an attempt", () => {
  test("that is newer withdraws the text of the one before", () => {
    const text = new LiveText(100);
    text.take(pieces(1, [piece(0, "old"), piece(0, "second", 1)]));
    expect(text.take(pieces(2, [piece(0, "new")])).deltas).toEqual([
      { replyTo, ...piece(0, "") },
      { replyTo, ...piece(0, "", 1) },
      { replyTo, ...piece(0, "new") },
    ]);
  });

  test("that is older is not shown, nor one that has failed", () => {
    const text = new LiveText(100);
    text.take(pieces(2, [piece(0, "new")]));
    expect(text.take(pieces(1, [piece(0, "old")])).deltas).toEqual([]);
    expect(text.observe(status("queued", 2))).toEqual([{ replyTo, ...piece(0, "") }]);
    expect(text.take(pieces(2, [piece(0, "late")])).deltas).toEqual([]);
    expect(text.take(pieces(3, [piece(0, "next")])).deltas).toHaveLength(1);
  });

  test("that succeeded leaves its text to the finished message", () => {
    const text = new LiveText(100);
    text.take(pieces(1, [piece(0, "text")]));
    expect(text.observe(status("answered", 1))).toEqual([]);
    expect(textOf(text)).toEqual([[0, "text"]]);
    expect(text.observe(stored(2))).toEqual([]);
    expect(textOf(text)).toEqual([]);
    expect(text.take(pieces(1, [piece(4, " late")])).deltas).toEqual([]);
  });
});

test("text of an attempt that was delivered without a reply is withdrawn", () => {
  const text = new LiveText(100);
  text.take(pieces(1, [piece(0, "nothing")]));
  expect(text.observe(status("delivered", 1))).toEqual([{ replyTo, ...piece(0, "") }]);
});

test("a callback's pieces are shown whatever becomes of attempts, until a reply is stored; then only those of a later one", () => {
  const text = new LiveText(100);
  text.take(pieces(0, [piece(0, "called back")]));
  expect(text.observe(status("queued", 1))).toEqual([]);
  expect(textOf(text)).toEqual([[0, "called back"]]);
  text.observe(stored(2));
  expect(text.take(pieces(0, [piece(0, "late")], { afterSequence: 1 })).deltas).toEqual([]);
  expect(text.take(pieces(0, [piece(0, "second reply")], { afterSequence: 2 })).deltas).toHaveLength(1);
});

describe("held against PostgreSQL", () => {
  const state = { messageId: replyTo, lastReplySequence: 0 };

  test("text of an attempt that is under way, or newer than what was read, stays", () => {
    const text = new LiveText(100);
    text.take(pieces(2, [piece(0, "now")]));
    expect(text.verify([{ ...state, attempts: 2, isUnderWay: true }])).toEqual([]);
    expect(text.verify([{ ...state, attempts: 1, isUnderWay: false }])).toEqual([]);
    expect(textOf(text)).toEqual([[0, "now"]]);
  });

  test("text of an attempt that is over is withdrawn", () => {
    for (const now of [
      { attempts: 2, isUnderWay: false },
      { attempts: 3, isUnderWay: true },
    ]) {
      const text = new LiveText(100);
      text.take(pieces(2, [piece(0, "old")]));
      expect(text.verify([{ ...state, ...now }])).toEqual([{ replyTo, ...piece(0, "") }]);
    }
  });

  test("text whose reply is stored is gone", () => {
    const text = new LiveText(100);
    text.take(pieces(2, [piece(0, "old")]));
    expect(text.verify([{ ...state, attempts: 2, isUnderWay: false, lastReplySequence: 2 }])).toEqual([]);
    expect(textOf(text)).toEqual([]);
  });
});
