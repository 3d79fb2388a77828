import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./world.ts";

/** What one case came to. */
export interface CaseReport {
  name: string;
  seed: number;
  durationMs: number;
  accepted: number;
  kills: number;
  /** Calls that reached the fake n8n, and those of them whose message had been called before. */
  calls: number;
  repeatedCalls: number;
  callbacks: number;
  /** Invariants that the checker looked at. */
  invariants: string[];
  /** Named figures: recovery times in ms, for instance. */
  measured: Record<string, number>;
}

/** A guard that was taken away, and what then failed. */
export interface ControlReport {
  guard: string;
  caseName: string;
  seen: string;
}

export type ReportLine = { case: CaseReport } | { control: ControlReport };

function write(line: ReportLine): void {
  const file = process.env["CHAT_FAULT_REPORT"];
  if (file !== undefined && file !== "") appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** Adds the case to the run's report, when there is one. */
export function writeReport(report: CaseReport): void {
  write({ case: report });
}

/** Adds a guard that was seen to matter. */
export function writeControl(report: ControlReport): void {
  write({ control: report });
}

/** Keeps what all processes of a world whose case failed had logged; says where, when the run keeps such things. */
export function keepLogs(world: World, caseName: string): string | undefined {
  const kept = process.env["CHAT_FAULT_LOGS"];
  if (kept === undefined || kept === "") return undefined;
  const folder = join(kept, caseName.replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, 100));
  mkdirSync(folder, { recursive: true });
  for (const [name, log] of world.logs()) writeFileSync(join(folder, `${name}.log`), log);
  return folder;
}
