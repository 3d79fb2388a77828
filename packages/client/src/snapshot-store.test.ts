import { expect, test } from "vitest";
import { SnapshotStore } from "./snapshot-store.ts";
import type { ChatSnapshot } from "./snapshot.ts";

const EMPTY: ChatSnapshot = {
  connection: "idle",
  session: null,
  messages: [],
  streaming: [],
  hasOlder: false,
  loadingOlder: false,
  problem: null,
};

test("listeners hear once of what happened in one go; the snapshot is the same until something does", async () => {
  const store = new SnapshotStore(() => ({ ...EMPTY }));
  const heard: ChatSnapshot[] = [];
  const listener = (): void => void heard.push(store.current);
  const ends = [store.subscribe(listener), store.subscribe(listener)];
  const before = store.current;
  expect(store.current).toBe(before);
  for (let count = 0; count < 3; count += 1) store.changed();
  expect(heard).toEqual([]);
  await Promise.resolve();
  expect(heard).toHaveLength(2);
  expect(heard[0]).toBe(store.current);
  expect(store.current).not.toBe(before);
  ends[0]?.();
  store.changed();
  await Promise.resolve();
  expect(heard).toHaveLength(3);
});

test("a listener that fails does not keep the others from hearing, and its error is not lost", async () => {
  const store = new SnapshotStore(() => EMPTY);
  const { promise: uncaught, resolve } = Promise.withResolvers<unknown>();
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").once("uncaughtException", resolve);
  let heard = 0;
  store.subscribe(() => {
    throw new Error("from the listener");
  });
  store.subscribe(() => void (heard += 1));
  store.changed();
  expect(await uncaught).toEqual(new Error("from the listener"));
  for (const other of others) process.on("uncaughtException", other);
  expect(heard).toBe(1);
});
