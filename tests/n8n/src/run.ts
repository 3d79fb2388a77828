// `npm run test:n8n [-- vitest's arguments]`: all of chat-relay against a real n8n, and what it came to.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readFigures } from "./rig/figures.ts";
import { summarize } from "./rig/summary.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const CONFIG = join(ROOT, "tests/n8n/vitest.config.ts");
const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs");

const folder = mkdtempSync(join(tmpdir(), "chat-relay-n8n-report-"));
const report = join(folder, "figures.jsonl");
const results = join(folder, "results.json");
const reporters = ["--reporter=verbose", "--reporter=json", `--outputFile.json=${results}`];
const args = [
  VITEST,
  "run",
  "--config",
  CONFIG,
  "--root",
  join(ROOT, "tests/n8n"),
  ...reporters,
  ...process.argv.slice(2),
];
const env = { ...process.env, CHAT_N8N_REPORT: report };
const startedAt = performance.now();
const child = spawn(process.execPath, args, { cwd: ROOT, stdio: "inherit", env });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
child.once("exit", (code, signal) => {
  const tookSeconds = Math.round((performance.now() - startedAt) / 1_000);
  process.stdout.write(summarize({ ...readFigures({ report, results }), tookSeconds }));
  rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? (signal === null ? 1 : 130));
});
