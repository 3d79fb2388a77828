import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { waitUntil } from "@chat-relay/embedded/wait-until";

const REPO_ROOT = resolve(import.meta.dirname, "../../..");
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const LOG_TAIL_CHARS = 2_000;

export interface ServerCommand {
  /** Also of its log file. */
  name: string;
  /** From the repository's root. */
  script: string;
  args?: string[];
  nodeArgs?: string[];
  env: Record<string, string>;
  /** Answers `/readyz` when the server is ready. */
  port: number;
  /** Where its log goes, as a service's log goes to a file in production. */
  folder: string;
}

/** A server of a pipeline, as a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  name: string;
  pid: number;
  url: string;
  logFile: string;
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 200;
}

function launch({ script, args = [], nodeArgs = [], env }: ServerCommand, log: number) {
  const inherited = { PATH: process.env["PATH"], HOME: process.env["HOME"], NODE_ENV: "production" };
  return spawn(process.execPath, [...nodeArgs, script, ...args], {
    cwd: REPO_ROOT,
    env: { ...inherited, ...env },
    stdio: ["ignore", log, log],
  });
}

/** Starts a server and waits until it is ready. */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const logFile = join(command.folder, `${command.name}.log`);
  const log = openSync(logFile, "a");
  const child = launch(command, log);
  closeSync(log);
  const exited = once(child, "exit");
  const running = () => child.exitCode === null && child.signalCode === null;
  const url = `http://127.0.0.1:${command.port}`;
  const stop = async (): Promise<void> => {
    if (!running()) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };
  await waitUntil(async () => !running() || (await isReady(url)), { timeoutMs: READY_TIMEOUT_MS });
  if (!running() || !(await isReady(url)) || child.pid === undefined) {
    await stop();
    throw new Error(`${command.name} did not start: ${readFileSync(logFile, "utf8").slice(-LOG_TAIL_CHARS)}`);
  }
  return { name: command.name, pid: child.pid, url, logFile, [Symbol.asyncDispose]: stop };
}

/** Runs a script of the repository to its end. */
export async function runToEnd(command: Omit<ServerCommand, "port">): Promise<void> {
  const logFile = join(command.folder, `${command.name}.log`);
  const log = openSync(logFile, "a");
  const child = launch({ ...command, port: 0 }, log);
  closeSync(log);
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${command.name} failed: ${readFileSync(logFile, "utf8").slice(-LOG_TAIL_CHARS)}`);
}
