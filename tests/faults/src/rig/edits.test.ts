import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { CONTROLS, KILL_POINTS, type Edit } from "./edits.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");
const all = Object.entries<readonly Edit[]>({ ...CONTROLS, ...KILL_POINTS });

test.each(all)("%s: what is changed stands in its file exactly once", (_, edits) => {
  for (const { file, from } of edits) {
    expect(readFileSync(resolve(ROOT, file), "utf8").split(from)).toHaveLength(2);
  }
});
