import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { identifyProcess } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { sendSignal } from "./stop-process.ts";
import type { StopStep } from "./stop-process.ts";
import { waitUntil } from "./wait-until.ts";

/** Gets one line at a time: what we do, and what the server itself prints. */
export type LineLog = (line: string) => void;

export interface ProcessExit {
  code: number | null;
  signal: string | null;
}

/** A running server that belongs to this process. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Settles when the process is gone, whoever ended it. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Clean shutdown; harder signals when it takes too long. May be called more than once. */
  stop: () => Promise<void>;
  kill: (signal: NodeJS.Signals) => void;
}

export interface ChildCommand {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
}

/** A child in a session of its own, so that a Ctrl-C in the terminal reaches only the one who ends it in order. */
export interface ServerChild {
  identity: ProcessIdentity;
  exited: Promise<ProcessExit>;
  hasExited: () => boolean;
  /** Exited, and all it printed was read. */
  hasClosed: () => boolean;
  stop: (steps: readonly StopStep[]) => Promise<void>;
  kill: (signal: NodeJS.Signals) => void;
}

export async function spawnServerChild(run: ChildCommand, log: LineLog): Promise<ServerChild> {
  const { command, args, ...options } = run;
  const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const exited = whenExited(child);
  forwardLines(child.stdout, log);
  forwardLines(child.stderr, log);
  if (child.pid === undefined) throw new Error(`${command} could not be started: ${await spawnFailure(child)}`);
  let closed = false;
  child.once("close", () => (closed = true));
  return serverChild(child.pid, exited, () => closed);
}

function serverChild(pid: number, exited: Promise<ProcessExit>, hasClosed: () => boolean): ServerChild {
  let gone = false;
  void exited.then(() => (gone = true));
  // Until its exit was seen here, the pid is ours (a zombie at worst) and cannot name another process.
  const kill = (signal: NodeJS.Signals): void => {
    if (!gone) sendSignal(pid, signal);
  };
  const stop = async (steps: readonly StopStep[]): Promise<void> => {
    for (const { signal, waitMs } of steps) {
      if (gone) return;
      kill(signal);
      await waitUntil(() => gone, { timeoutMs: waitMs });
    }
    await exited;
  };
  const identity = identifyProcess(pid) ?? { pid, startedAt: "gone" };
  return { identity, exited, hasExited: () => gone, hasClosed, stop, kill };
}

async function whenExited(child: ChildProcess): Promise<ProcessExit> {
  return await new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", () => resolve({ code: null, signal: null }));
  });
}

async function spawnFailure(child: ChildProcess): Promise<string> {
  const [error] = (await once(child, "error")) as [Error];
  return error.message;
}

function forwardLines(stream: Readable, log: LineLog): void {
  createInterface({ input: stream, crlfDelay: Infinity }).on("line", log);
}
