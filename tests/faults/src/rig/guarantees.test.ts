import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const CASES = resolve(import.meta.dirname, "../cases");
const GUARANTEES = resolve(import.meta.dirname, "../../../../docs/guarantees.md");

const sources = readdirSync(CASES).map((file) => readFileSync(resolve(CASES, file), "utf8"));
// Cases stand in italics; names in code have underscores of their own.
const lines = readFileSync(GUARANTEES, "utf8")
  .replaceAll(/`[^`]*`/g, "")
  .split("\n");
const rows = lines.filter((line) => /^\| (?!-|promise|what happened)/.test(line));
const namesIn = (row: string) => [...row.matchAll(/_([^_]+)_/g)].map(([, name = ""]) => name);

test("every promise names a case that shows it", () => {
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter((row) => namesIn(row).length === 0 && !row.includes("every case"))).toEqual([]);
});

test.each(rows.flatMap(namesIn))('there is a case with the words "%s"', (name) => {
  expect(sources.some((source) => source.includes(name))).toBe(true);
});
