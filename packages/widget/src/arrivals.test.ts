import { expect, test } from "vitest";
import { Arrivals } from "./arrivals.ts";
import { message, reply, snapshot } from "./testing/snapshots.ts";

function keysOf(arrivals: Arrivals, ...[messages]: [Parameters<typeof snapshot>[0]]): string[] {
  return arrivals.take(snapshot(messages)).map(({ key }) => key);
}

test("history is not news, neither the newest page nor an older one", () => {
  const arrivals = new Arrivals();
  expect(keysOf(arrivals, [])).toEqual([]);
  expect(keysOf(arrivals, [message(51), reply(52)])).toEqual([]);
  expect(keysOf(arrivals, [message(1), reply(2), message(51), reply(52)])).toEqual([]);
});

test("what comes later is, once", () => {
  const arrivals = new Arrivals();
  keysOf(arrivals, [message(1)]);
  expect(keysOf(arrivals, [message(1), reply(2)])).toEqual(["id-2"]);
  expect(keysOf(arrivals, [message(1), reply(2)])).toEqual([]);
  expect(keysOf(arrivals, [message(1), reply(2), reply(3), message(4)])).toEqual(["id-3", "id-4"]);
});

test("the first message of a new session is news: it was written here", () => {
  const arrivals = new Arrivals();
  const unsent = message(null, { content: "Hi" });
  expect(keysOf(arrivals, [unsent])).toEqual([]);
  expect(keysOf(arrivals, [{ ...unsent, id: "id-1", sequence: 1, state: "queued" }])).toEqual([unsent.key]);
});

test("a reply that comes together with the acceptance of the first message is news, too", () => {
  const arrivals = new Arrivals();
  const unsent = message(null, { content: "Hi" });
  keysOf(arrivals, [unsent]);
  const accepted = { ...unsent, id: "id-1", sequence: 1, state: "answered" } as const;
  expect(keysOf(arrivals, [accepted, reply(2)])).toEqual([unsent.key, "id-2"]);
});

test("a reply that overtakes the acceptance of what it answers is told after it: of the first message, and of others", () => {
  const arrivals = new Arrivals();
  const [first, second] = [message(null, { content: "Hi" }), message(null, { content: "And?" })];
  keysOf(arrivals, [first]);
  expect(keysOf(arrivals, [first, reply(2)])).toEqual([]);
  const known = [{ ...first, id: "id-1", sequence: 1, state: "answered" } as const, reply(2)];
  expect(keysOf(arrivals, known)).toEqual([first.key, "id-2"]);
  expect(keysOf(arrivals, [...known, second, reply(4)])).toEqual([]);
  expect(keysOf(arrivals, [...known, { ...second, id: "id-3", sequence: 3 }, reply(4)])).toEqual([second.key, "id-4"]);
});

test("history is none beside a message that was left unsent", () => {
  const arrivals = new Arrivals();
  const unsent = message(null, { content: "Hi" });
  keysOf(arrivals, [unsent]);
  expect(keysOf(arrivals, [message(1), reply(2), unsent])).toEqual([]);
});

test("another session begins anew", () => {
  const arrivals = new Arrivals();
  keysOf(arrivals, [message(1), reply(2)]);
  keysOf(arrivals, []);
  expect(keysOf(arrivals, [message(7), reply(8)])).toEqual([]);
});
