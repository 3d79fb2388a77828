import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

/** Not committed. */
export const RESULTS_DIR = resolve(import.meta.dirname, "../../results");

/** Keeps what a run measured, all of it; returns where. */
export function saveResults(name: string, results: unknown): string {
  mkdirSync(RESULTS_DIR, { recursive: true });
  const path = resolve(RESULTS_DIR, `${name}-${new Date().toISOString().replaceAll(":", "-")}.json`);
  writeFileSync(path, JSON.stringify(results, null, 2));
  return path;
}
