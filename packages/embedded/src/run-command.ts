import { spawn } from "node:child_process";
import type { SpawnOptions } from "node:child_process";

export interface CommandResult {
  ok: boolean;
  code: number | null;
  stdout: string;
  /** Standard error, or why the command could not be run. */
  stderr: string;
}

export type CommandOptions = Pick<SpawnOptions, "cwd" | "env" | "uid" | "gid" | "signal"> & {
  timeoutMs?: number;
  input?: string;
};

/** Runs a command to its end. It never throws: a command that is missing or takes too long is a result too. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { timeoutMs = 60_000, input, ...spawnOptions } = options;
  return await new Promise((resolve) => {
    const child = spawn(command, args, {
      ...spawnOptions,
      stdio: ["pipe", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    child.stdin.on("error", () => undefined); // it did not read its input: its exit status says so
    child.stdin.end(input);
    child.once("error", (error) => resolve({ ok: false, code: null, stdout, stderr: error.message }));
    child.once("close", (code, signal) => {
      if (signal !== null) stderr += `${stderr === "" ? "" : "\n"}ended by ${signal}`;
      resolve({ ok: code === 0, code, stdout, stderr });
    });
  });
}
