import { expect, test } from "vitest";
import { turned } from "./turned.ts";

test.each([1, 2, 4, 9, 11])("each round has all %d items, in an order of its own", (count) => {
  const items = Array.from({ length: count }, (_, item) => item);
  const rounds = Array.from({ length: 5 }, (_, round) => turned(items, round));
  for (const order of rounds) expect(order.toSorted((a, b) => a - b)).toEqual(items);
});

test("in five rounds of nine, none begins twice, and none has the same one before it twice", () => {
  const rounds = Array.from({ length: 5 }, (_, round) => turned("abcdefghi".split(""), round));
  expect(new Set(rounds.map(([first]) => first)).size).toBe(5);
  const pairs = rounds.flatMap((order) => order.slice(1).map((item, index) => `${order[index]}${item}`));
  expect(new Set(pairs).size).toBe(pairs.length);
});
