import type { ReplyPieces } from "@chat-relay/core/reply-pieces";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PieceSender, type PieceSenderOptions } from "./piece-sender.ts";

const PACE_MS = 40;
const reply = { sessionId: "the-session", replyTo: "the-message", attempt: 2, afterSequence: 7 };

/** What was published, in order, and how to settle each. */
let published: { pieces: ReplyPieces; fail: (error: Error) => Promise<void> }[];
let connected: boolean;
let listeners: Set<() => void>;
let errors: unknown[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  [published, connected, listeners, errors] = [[], true, new Set(), []];
});
afterEach(() => {
  vi.useRealTimers();
});

function sender(options: Partial<PieceSenderOptions> = {}): PieceSender {
  return new PieceSender({
    reply,
    run: 5,
    piecesPerSecond: 1_000 / PACE_MS,
    pieceMaxUnits: 100,
    publish: (pieces) => {
      const { promise, reject } = Promise.withResolvers<void>();
      const fail = async (error: Error) => {
        reject(error);
        await microtasks();
      };
      published.push({ pieces, fail });
      return promise;
    },
    connected: () => connected,
    onConnected: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onFailure: (reason) => errors.push(reason),
    ...options,
  });
}

const microtasks = () => new Promise<void>((resolve) => setImmediate(resolve));
const pass = async (ms: number) => {
  await microtasks();
  await vi.advanceTimersByTimeAsync(ms);
};
const sent = () => published.map(({ pieces }) => pieces.pieces);
const piece = (offset: number, content: string, block = 0) => [{ block, offset, content }];

test("the first piece goes at once, with all that the same chunk says", async () => {
  const own = sender();
  own.append(0, "Hel");
  own.append(0, "lo");
  await microtasks();
  expect(published.map(({ pieces }) => pieces)).toEqual([{ ...reply, id: "5.1", pieces: piece(0, "Hello") }]);
});

test("pieces that come faster than the pace are put together, and none waits longer than it", async () => {
  const own = sender();
  own.append(0, "a");
  await pass(10);
  own.append(0, "b");
  await pass(10);
  own.append(0, "c");
  await pass(PACE_MS - 21);
  expect(sent()).toEqual([piece(0, "a")]);
  await pass(1);
  expect(sent()).toEqual([piece(0, "a"), piece(1, "bc")]);
  await pass(10 * PACE_MS);
  own.append(0, "d");
  await microtasks();
  expect(sent().at(-1)).toEqual(piece(3, "d"));
  expect(published).toHaveLength(3);
});

test("a fast model causes no more than so many a second", async () => {
  const own = sender();
  for (let at = 0; at < 1_000; at += 2) {
    own.append(0, "x");
    await pass(2);
  }
  expect(published.length).toBeGreaterThan(20);
  expect(published.length).toBeLessThanOrEqual(26);
  expect(
    sent()
      .flatMap(([given]) => given?.content)
      .join(""),
  ).toHaveLength(500);
});

test("the pieces of several blocks go together, as many as may be sent at once", async () => {
  const own = sender({ pieceMaxUnits: 60 });
  own.append(0, "a");
  own.append(1, "b");
  await pass(PACE_MS);
  for (let block = 2; block < 10; block += 1) own.append(block, "c");
  await microtasks();
  expect(sent()).toEqual([
    [...piece(0, "a"), ...piece(0, "b", 1)],
    [2, 3, 4, 5].flatMap((block) => piece(0, "c", block)),
  ]);
  await pass(PACE_MS);
  expect(sent()[2]).toEqual([6, 7, 8, 9].flatMap((block) => piece(0, "c", block)));
  expect(published.map(({ pieces }) => pieces.id)).toEqual(["5.1", "5.2", "5.3"]);
});

test("a long text goes in pieces that the bus takes", async () => {
  const own = sender({ pieceMaxUnits: 3 });
  own.append(0, "abcdefgh");
  await pass(10 * PACE_MS);
  expect(sent()).toEqual([piece(0, "abc"), piece(3, "def"), piece(6, "gh")]);
});

test("what may be lost is sent again from the beginning, with the next text and under new ids", async () => {
  const own = sender();
  own.append(0, "a");
  own.append(1, "z");
  await pass(PACE_MS);
  own.append(0, "b");
  await pass(PACE_MS);
  await published[0]?.fail(new Error("no answer"));
  expect(published).toHaveLength(2);
  expect(errors).toHaveLength(1);
  own.append(0, "c");
  await microtasks();
  expect(sent().slice(2)).toEqual([[...piece(0, "abc"), ...piece(0, "z", 1)]]);
  expect(published.map(({ pieces }) => pieces.id).slice(2)).toEqual(["5.3"]);
  // The other one of that time fails too: it was seen to.
  await published[1]?.fail(new Error("no answer"));
  await pass(PACE_MS);
  own.append(0, "d");
  await microtasks();
  expect(sent().at(-1)).toEqual(piece(3, "d"));
  expect(errors).toHaveLength(1);
});

test("what may be lost is sent again a little later, though nothing more is said", async () => {
  const own = sender();
  own.append(0, "last words");
  await pass(PACE_MS);
  await published[0]?.fail(new Error("no answer"));
  expect(published).toHaveLength(1);
  await pass(1_000);
  expect(sent()).toEqual([piece(0, "last words"), piece(0, "last words")]);
  await published[1]?.fail(new Error("no answer"));
  own.end();
  await pass(1_000);
  expect(published).toHaveLength(2);
});

test("a failure that goes on is told once, and again after a success", async () => {
  let failing = true;
  const own = sender({ publish: async () => (failing ? Promise.reject(new Error("no answer")) : undefined) });
  for (const text of ["a", "b"]) {
    own.append(0, text);
    await pass(PACE_MS);
  }
  expect(errors).toHaveLength(1);
  failing = false;
  own.append(0, "c");
  await pass(PACE_MS);
  failing = true;
  own.append(0, "d");
  await pass(PACE_MS);
  expect(errors).toHaveLength(2);
});

test("nothing is tried while the bus is away; once it is back, all is sent at once", async () => {
  const own = sender();
  own.append(0, "a");
  await pass(PACE_MS);
  connected = false;
  own.append(0, "b");
  await pass(10 * PACE_MS);
  expect(published).toHaveLength(1);
  connected = true;
  for (const listener of listeners) listener();
  await microtasks();
  expect(sent().slice(1)).toEqual([piece(0, "ab")]);
});

test("nothing is sent after the end", async () => {
  const own = sender();
  own.append(0, "a");
  await microtasks();
  own.append(0, "b");
  own.end();
  own.append(0, "c");
  await pass(10 * PACE_MS);
  for (const listener of listeners) listener();
  expect(sent()).toEqual([piece(0, "a")]);
  expect(listeners.size).toBe(0);
  await published[0]?.fail(new Error("no answer"));
  expect(errors).toEqual([]);
  const other = sender();
  other.append(0, "a");
  other.end();
  await pass(PACE_MS);
  expect(published).toHaveLength(1);
});
