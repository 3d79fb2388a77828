// `npm run test:faults [-- --seed <number>] [vitest's arguments]`: the whole fault suite, and what it came to.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { ReportLine } from "./rig/report.ts";
import { summarize } from "./rig/summary.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const CONFIG = join(ROOT, "tests/faults/vitest.config.ts");
const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs");

function readSeed(): { seed: number; rest: string[] } {
  const { values, tokens } = parseArgs({ strict: false, tokens: true, options: { seed: { type: "string" } } });
  const given = typeof values.seed === "string" ? values.seed : process.env["CHAT_FAULT_SEED"];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--seed is "${given}": it must be a whole number`);
  const used = new Set(
    tokens.flatMap((token) =>
      token.kind === "option" && token.name === "seed" ? [token.index, token.inlineValue ? -1 : token.index + 1] : [],
    ),
  );
  return { seed, rest: process.argv.slice(2).filter((_, index) => !used.has(index)) };
}

function readReports(file: string): ReportLine[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as ReportLine);
  } catch {
    return []; // no case came to its end
  }
}

const { seed, rest } = readSeed();
const folder = mkdtempSync(join(tmpdir(), "chat-relay-fault-report-"));
const report = join(folder, "cases.jsonl");
const logs = join(folder, "logs");
process.stdout.write(`Fault suite, seed ${seed}. The same again: npm run test:faults -- --seed ${seed}\n`);
const child = spawn(
  process.execPath,
  [VITEST, "run", "--config", CONFIG, "--root", join(ROOT, "tests/faults"), ...rest],
  {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, CHAT_FAULT_SEED: String(seed), CHAT_FAULT_REPORT: report, CHAT_FAULT_LOGS: logs },
  },
);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
child.once("exit", (code, signal) => {
  process.stdout.write(summarize(readReports(report), seed));
  if (!existsSync(logs)) rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? (signal === null ? 1 : 130));
});
