import { expect, test } from "vitest";
import type { ChatStorage } from "./chat-storage.ts";
import { KeptItems } from "./kept-items.ts";
import { BlockedStorage, FullStorage, PageStorage, TestStorage } from "./testing/test-storage.ts";

test.each<[string, () => ChatStorage | null]>([
  ["one that tells its keys", () => new PageStorage()],
  ["one that does not", () => new TestStorage()],
  ["one that is blocked", () => new BlockedStorage()],
  ["one that is full", () => new FullStorage()],
  ["none", () => null],
])("keeps items in a storage: %s", (_kind, makeStorage) => {
  const items = new KeptItems(makeStorage(), "space");
  items.set("a", "1");
  items.set("b", "2");
  items.set("a", "3");
  items.remove("b");
  items.set("c", "4");
  expect([items.get("a"), items.get("b"), items.get("c")]).toEqual(["3", null, "4"]);
  expect(new Set(items.keys())).toEqual(new Set(["a", "c"]));
});

test.each<[string, TestStorage]>([
  ["one that tells its keys", new PageStorage()],
  ["one that does not", new TestStorage()],
])("what is in the storage is there after a reload: %s", (_kind, storage) => {
  new KeptItems(storage, "space").set("a", "1");
  const again = new KeptItems(storage, "space");
  expect([again.get("a"), again.keys()]).toEqual(["1", ["a"]]);
  again.remove("a");
  expect(new KeptItems(storage, "space").keys()).toEqual([]);
});

test("name spaces do not see each other, and nobody else's items are touched", () => {
  const storage = new PageStorage();
  storage.setItem("somebody's", "own");
  const [one, other] = [new KeptItems(storage, "chat"), new KeptItems(storage, "chat:user")];
  one.set("a", "1");
  other.set("a", "2");
  expect([one.get("a"), one.keys()]).toEqual(["1", ["a"]]);
  one.remove("a");
  expect([other.get("a"), storage.getItem("somebody's")]).toEqual(["2", "own"]);
});

test("what the storage did not take is in memory, until it does", () => {
  const storage = new FullStorage();
  const items = new KeptItems(storage, "space");
  storage.isFull = false;
  items.set("a", "old");
  storage.isFull = true;
  items.set("a", "new");
  expect(items.get("a")).toBe("new");
  storage.isFull = false;
  items.set("a", "newest");
  expect([items.get("a"), storage.getItem("space.a")]).toEqual(["newest", "newest"]);
});
