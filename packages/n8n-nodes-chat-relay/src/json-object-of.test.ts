import { expect, test } from "vitest";
import { jsonObjectOf } from "./json-object-of.ts";

test.each([
  [undefined, {}],
  [null, {}],
  ["", {}],
  ['{ "page": "/prices" }', { page: "/prices" }],
  [{ page: "/prices" }, { page: "/prices" }],
])("%j is the object %j", (value, object) => {
  expect(jsonObjectOf(value)).toEqual(object);
});

test.each(["{", "text", "[1]", "null", "7", 7, true, [1]])("%j is none", (value) => {
  expect(jsonObjectOf(value)).toBeUndefined();
});
