import type { ChatSnapshot } from "@chat-relay/client";
import { expect, test } from "vitest";
import { listItems } from "./list-items.ts";
import { StateChanges } from "./state-changes.ts";
import { message, reply, snapshot } from "./testing/snapshots.ts";

const NOW = Date.parse("2026-03-10T09:50:01.000Z");

function take(changes: StateChanges, shown: ChatSnapshot): string[] {
  return changes.take(listItems(shown, NOW));
}

test("tells once that a reply is on its way, and that it went wrong", () => {
  const changes = new StateChanges();
  take(changes, snapshot([message(null, { key: "own" })]));
  expect(take(changes, snapshot([message(1, { key: "own" })]))).toEqual(["typing"]);
  expect(take(changes, snapshot([message(1, { key: "own" })]))).toEqual([]);
  expect(take(changes, snapshot([message(1, { key: "own", state: "failed" })]))).toEqual(["failed"]);
  expect(take(changes, snapshot([message(1, { key: "own", state: "failed" })]))).toEqual([]);
});

test("says nothing of what is history, of replies, and of what goes well", () => {
  const changes = new StateChanges();
  expect(take(changes, snapshot([]))).toEqual([]);
  expect(take(changes, snapshot([message(3, { state: "failed" }), message(4)]))).toEqual([]);
  const older = [message(1, { state: "unanswered" }), reply(2), message(3, { state: "failed" })];
  expect(take(changes, snapshot([...older, message(4, { state: "answered" }), reply(5)]))).toEqual([]);
});
