import { expect, test } from "vitest";
import { storeFailures } from "./failures.ts";

test.each([
  ["a message that is not stored", 7, 4],
  ["a reply that is stored twice", 9, 4],
])("%s is a failure", (_name, stored, answered) => {
  expect(storeFailures(stored, answered)).toHaveLength(1);
  expect(storeFailures(2 * answered, answered)).toEqual([]);
});
