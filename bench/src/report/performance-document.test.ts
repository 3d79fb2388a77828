import { expect, test } from "vitest";
import { replaceSection } from "./performance-document.ts";

const DOCUMENT = [
  "# Performance",
  "<!-- scale: written by npm run bench -->",
  "old",
  "<!-- scale: end -->",
  "What follows stays.",
].join("\n");

test("a section is replaced, and nothing around it", () => {
  const [before, after] = [
    "# Performance\n<!-- scale: written by npm run bench -->\n\n",
    "\n\n<!-- scale: end -->\nWhat follows stays.",
  ];
  const once = replaceSection(DOCUMENT, "scale", "new");
  expect(once).toBe(`${before}new${after}`);
  expect(replaceSection(once, "scale", "newer")).toBe(`${before}newer${after}`);
});

test("a section without markers is not invented", () => {
  expect(() => replaceSection(DOCUMENT, "streams", "new")).toThrow("no section for streams");
});
