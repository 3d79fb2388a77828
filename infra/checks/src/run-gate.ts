import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import type { Gate } from "./gates.ts";

export interface GateResult {
  ok: boolean;
  output: string;
  durationMs: number;
}

// A gate that hangs has failed.
const TIMEOUT_MS = 300_000;

// Nothing leaves the machine, and nothing but the verdict is printed.
const QUIET = { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", DO_NOT_TRACK: "1", NO_COLOR: "1" };

export interface GateRun {
  /** Root of a working tree. */
  folder: string;
  env: NodeJS.ProcessEnv;
  /** More arguments for the gate's command. */
  args?: string[];
}

/** Runs the gate's script in a working tree and keeps what it says. */
export async function runGate(gate: Gate, { folder, env, args = [] }: GateRun): Promise<GateResult> {
  const startedAt = performance.now();
  const command = ["run", "--silent", gate.script, "--", ...args];
  const child = spawn("npm", command, { cwd: folder, env: { ...env, ...QUIET }, timeout: TIMEOUT_MS });
  let output = "";
  const keep = (chunk: string) => (output += chunk);
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  const durationMs = Math.round(performance.now() - startedAt);
  return { ok: code === 0, output: stripVTControlCharacters(output), durationMs };
}
