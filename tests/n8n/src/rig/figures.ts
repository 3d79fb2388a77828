import { appendFileSync, readFileSync } from "node:fs";

/** One thing that a run has measured. */
export interface Figure {
  what: string;
  value: string;
}

/** What a run came to. */
export interface Run {
  passed: number;
  total: number;
  figures: Figure[];
}

/** Adds a figure to the run's report, when there is one. */
export function writeFigure(what: string, value: string): void {
  const file = process.env["CHAT_N8N_REPORT"];
  if (file !== undefined && file !== "") appendFileSync(file, `${JSON.stringify({ what, value })}\n`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // nothing came to its end
  }
}

/** Reads what the tests and vitest itself have left. */
export function readFigures({ report, results }: { report: string; results: string }): Run {
  const lines = readText(report).split("\n").filter(Boolean);
  const counts = JSON.parse(readText(results) || "{}") as { numPassedTests?: number; numTotalTests?: number };
  return {
    passed: counts.numPassedTests ?? 0,
    total: counts.numTotalTests ?? 0,
    figures: lines.map((line) => JSON.parse(line) as Figure),
  };
}
