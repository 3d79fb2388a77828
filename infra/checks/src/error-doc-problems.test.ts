import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { errorDocProblems } from "./error-doc-problems.ts";

const text = await readFile(new URL("../../../docs/errors.md", import.meta.url), "utf8");

test("docs/errors.md is true", () => {
  expect(errorDocProblems(text)).toEqual([]);
});

test("a document without a row misses every code", () => {
  expect(errorDocProblems("# Errors\n")).toHaveLength(14);
});

test("both directions are looked at", () => {
  const changed = text.replace("`conflict`", "`quarrel`");
  expect(errorDocProblems(changed)).toEqual(["conflict is missing", "quarrel is not in the catalogue"]);
});
