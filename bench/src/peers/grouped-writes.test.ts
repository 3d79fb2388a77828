import { expect, test } from "vitest";
import { groupedWrites } from "./grouped-writes.ts";

function slowWriter() {
  const groups: number[][] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const add = groupedWrites<number>((items) => {
    groups.push(items);
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return end.promise;
  });
  return { groups, ends, add };
}

test("a lone item goes at once, what comes meanwhile goes together", async () => {
  const { groups, ends, add } = slowWriter();
  const first = add(1);
  expect(groups).toEqual([[1]]);
  const others = [add(2), add(3)];
  expect(groups).toEqual([[1]]);
  ends[0]?.resolve();
  await first;
  expect(groups).toEqual([[1], [2, 3]]);
  ends[1]?.resolve();
  await Promise.all(others);
});

test("a write that fails fails its own group and no other", async () => {
  const { groups, ends, add } = slowWriter();
  const first = add(1);
  const second = add(2);
  ends[0]?.reject(new Error("the disk is full"));
  await expect(first).rejects.toThrow("the disk is full");
  ends[1]?.resolve();
  await second;
  expect(groups).toEqual([[1], [2]]);
});
