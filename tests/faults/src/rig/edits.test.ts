import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { BUGS } from "./bug-edits.ts";
import { CONTROLS, KILL_POINTS, type Edit } from "./edits.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");
const all = Object.entries<readonly Edit[]>({ ...CONTROLS, ...KILL_POINTS, ...BUGS });

test.each(all)("%s: what is changed stands in its file exactly once", (_, edits) => {
  for (const { file, from } of edits) {
    expect(readFileSync(resolve(ROOT, file), "utf8").split(from)).toHaveLength(2);
  }
});

test("the README tells of each guard that is taken away", () => {
  const readme = readFileSync(resolve(ROOT, "tests/faults/README.md"), "utf8");
  const told = [...readme.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, name]) => name);
  expect(told).toHaveLength(new Set(told).size);
  expect(new Set(told)).toEqual(new Set(Object.keys(CONTROLS)));
});
