import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const DOCS = resolve(import.meta.dirname, "../../../docs");

/** The parts of docs/performance.md that runs write. */
export type Section = "pipelines" | "scale" | "streams";

/** Puts the text between the section's markers. */
export function replaceSection(document: string, section: Section, text: string): string {
  const [begin, end] = [`<!-- ${section}: written by npm run bench -->`, `<!-- ${section}: end -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no section for ${section}`);
  return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`;
}

export function writeSection(section: Section, text: string): void {
  const path = resolve(DOCS, "performance.md");
  writeFileSync(path, replaceSection(readFileSync(path, "utf8"), section, text));
}

export function writePlot(svg: string): void {
  writeFileSync(resolve(DOCS, "performance.svg"), svg);
}
