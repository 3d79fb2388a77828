import { expect, test } from "vitest";
import type { ConversationMessage } from "./conversation-message.ts";
import { KeptItems } from "./kept-items.ts";
import { PageStorage } from "./testing/test-storage.ts";
import { UnsentMessages } from "./unsent-messages.ts";

const PROBLEM = { code: "payload_too_large", status: 413, detail: "", retryAfterMs: null };

function message(key: string): ConversationMessage {
  return {
    key,
    id: null,
    sequence: null,
    role: "user",
    content: `content of ${key}`,
    metadata: {},
    state: "unsent",
    attempts: 0,
    replyTo: null,
    createdAt: "2026-01-01T00:00:00.000Z",
    error: null,
  };
}

function tab(storage: PageStorage): UnsentMessages {
  const unsent = new UnsentMessages(new KeptItems(storage, "space"));
  unsent.adopt();
  return unsent;
}

function keysOf(unsent: UnsentMessages): string[] {
  return unsent.all.map(({ shown }) => shown.key);
}

test("messages keep the order they were written in, also when all of them were in one millisecond, and after a reload", () => {
  const storage = new PageStorage();
  const unsent = tab(storage);
  const keys = ["m9", "m1", "m5", "m2", "m8"];
  for (const key of keys) unsent.add(message(key), null);
  expect(keysOf(unsent)).toEqual(keys);
  const again = tab(storage);
  expect(again.all.map(({ shown }) => shown)).toEqual(keys.map(message));
  expect(again.next()?.shown.key).toBe("m9");
});

test("a rejected message does not hold up the next, and can be put back in its place", () => {
  const storage = new PageStorage();
  const unsent = tab(storage);
  unsent.add(message("m1"), null);
  unsent.add(message("m2"), null);
  unsent.mark("m1", PROBLEM);
  expect([unsent.next()?.shown.key, unsent.get("m1")?.shown]).toEqual([
    "m2",
    { ...message("m1"), state: "rejected", error: PROBLEM },
  ]);
  expect(tab(storage).get("m1")?.shown.state).toBe("rejected");
  unsent.mark("m1", null);
  expect(unsent.next()?.shown).toEqual(message("m1"));
});

test("two tabs do not overwrite each other's messages, and let go of what the other one sent", () => {
  const storage = new PageStorage();
  const [one, other] = [tab(storage), tab(storage)];
  one.add(message("m1"), null);
  other.add(message("m2"), null);
  expect([keysOf(one), keysOf(tab(storage)).toSorted()]).toEqual([["m1"], ["m1", "m2"]]);
  other.adopt();
  one.remove("m1");
  expect(other.isKept("m1")).toBe(false);
  other.adopt();
  expect(keysOf(other)).toEqual(["m2"]);
});

test("its own messages stay, should the page empty its storage", () => {
  const storage = new PageStorage();
  const unsent = tab(storage);
  unsent.add(message("m1"), null);
  unsent.adopt();
  storage.items.clear();
  unsent.adopt();
  expect(keysOf(unsent)).toEqual(["m1"]);
  unsent.dropTaken();
  expect(keysOf(unsent)).toEqual([]);
});

test("clearing takes other tabs' messages too", () => {
  const storage = new PageStorage();
  const [one, other] = [tab(storage), tab(storage)];
  other.add(message("m2"), null);
  one.clear();
  expect(storage.items.size).toBe(0);
});

test.each(["{", "null", "{}", '{"shown":{"key":"m2","content":"hi"},"order":1}', '{"shown":{"key":"m1"},"order":1}'])(
  "what is none of ours is left out: %s",
  (text) => {
    const storage = new PageStorage();
    storage.setItem("space.unsent.m1", text);
    expect(keysOf(tab(storage))).toEqual([]);
  },
);
