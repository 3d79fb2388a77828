import { expect, test } from "vitest";
import { OneAtATime } from "./one-at-a-time.ts";

test("works of one key run in order, a failed one in between too; others do not wait", async () => {
  const queue = new OneAtATime(() => false);
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = queue.run("a", async () => {
    await gate.promise;
    log.push("a1");
    throw new Error("failed");
  });
  const second = queue.run("a", async () => log.push("a2"));
  await queue.run("b", async () => log.push("b1"));
  gate.resolve();
  await expect(first).rejects.toThrow("failed");
  await second;
  expect(log).toEqual(["b1", "a1", "a2"]);
});

test("keeps nothing of finished work", async () => {
  const queue = new OneAtATime(() => true);
  await Promise.all(["a", "a", "b"].map((key) => queue.run(key, async () => key)));
  expect(queue.size).toBe(0);
});

test("a failure that is everybody's is not run into one by one", async () => {
  const queue = new OneAtATime((error) => (error as Error).message === "away");
  let runs = 0;
  const fail = async () => {
    runs += 1;
    throw new Error("away");
  };
  const results = await Promise.allSettled([queue.run("a", fail), queue.run("a", fail), queue.run("a", fail)]);
  expect(results.map((result) => result.status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(runs).toBe(1);
  await expect(queue.run("a", async () => "later")).resolves.toBe("later");
});
