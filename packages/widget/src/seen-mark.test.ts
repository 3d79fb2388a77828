import { beforeEach, expect, test, vi } from "vitest";
import { SeenMark } from "./seen-mark.ts";
import { message, reply, snapshot } from "./testing/snapshots.ts";

const items = new Map<string, string>();

beforeEach(() => {
  items.clear();
  const storage = {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, value),
  };
  vi.stubGlobal("localStorage", storage);
  return () => vi.unstubAllGlobals();
});

test("replies count until they are seen, the visitor's own messages never", () => {
  const mark = new SeenMark("chat");
  expect(mark.unread(snapshot([message(1)]))).toBe(0);
  const shown = snapshot([message(1), reply(2), reply(3), message(4)]);
  expect(mark.unread(shown)).toBe(2);
  mark.set(shown);
  expect(mark.unread(shown)).toBe(0);
});

test("a reload finds what came meanwhile", () => {
  const before = new SeenMark("chat");
  before.set(snapshot([message(1), reply(2)]));
  const after = new SeenMark("chat");
  expect(after.unread(snapshot([message(1), reply(2), reply(3)]))).toBe(1);
});

test("a session that nothing is known of counts as read", () => {
  new SeenMark("chat").set(snapshot([reply(9)]));
  const mark = new SeenMark("chat");
  const other = { ...snapshot([message(1), reply(2)]) };
  const session = other.session === null ? null : { ...other.session, sessionId: "session-2" };
  expect(mark.unread({ ...other, session })).toBe(0);
});

test("what another tab has read is read", () => {
  const [mine, theirs] = [new SeenMark("chat"), new SeenMark("chat")];
  const shown = snapshot([message(1), reply(2)]);
  mine.set(snapshot([message(1)]));
  expect(mine.unread(shown)).toBe(1);
  theirs.set(shown);
  mine.reload("other.seen");
  expect(mine.unread(shown)).toBe(1);
  mine.reload("chat.seen");
  expect(mine.unread(shown)).toBe(0);
});

test("a browser without storage counts all the same", () => {
  vi.stubGlobal("localStorage", undefined);
  const mark = new SeenMark("chat");
  mark.set(snapshot([message(1)]));
  expect(mark.unread(snapshot([message(1), reply(2)]))).toBe(1);
});
