import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, isProcessIdentity } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { acquireProcessLock, LockHeldError } from "./process-lock.ts";
import type { LineLog } from "./server-process.ts";
import { KILL, stopProcess } from "./stop-process.ts";
import type { StopStep } from "./stop-process.ts";

/** Our claim on a data directory, for as long as our server runs on it. */
export interface ServerGuard {
  /** Remembers the server, so that whoever comes after a SIGKILL of this process finds and stops it. */
  record(server: ProcessIdentity): void;
  release(): void;
}

interface GuardOptions {
  dir: string;
  /** What runs there, for messages: `PostgreSQL`. */
  name: string;
  /** How an orphan is stopped before SIGKILL. */
  stopSteps: readonly StopStep[];
  log: LineLog;
}

/**
 * Makes this process the only one that runs a server on `dir`. Refused while another live process has it; a server
 * that a dead process left behind is stopped first, recognised by pid and start time.
 */
export async function guardServerDir({ dir, name, stopSteps, log }: GuardOptions): Promise<ServerGuard> {
  mkdirSync(dir, { recursive: true });
  const lock = acquireDirLock(dir, name);
  const recordFile = join(dir, "server.json");
  const release = (): void => {
    rmSync(recordFile, { force: true });
    lock.release();
  };
  const orphan = readRecord(recordFile);
  if (orphan !== undefined && isAlive(orphan)) {
    log(`${name}: stopping process ${orphan.pid}, left behind by an earlier run`);
    if (!(await stopProcess(orphan, [...stopSteps, KILL]))) {
      lock.release();
      throw new Error(`${name}: process ${orphan.pid} of an earlier run on ${dir} cannot be stopped, stop it by hand`);
    }
  }
  return { record: (server) => writeFileSync(recordFile, JSON.stringify(server), { mode: 0o600 }), release };
}

function acquireDirLock(dir: string, name: string): ReturnType<typeof acquireProcessLock> {
  try {
    return acquireProcessLock(join(dir, "owner.lock"));
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    throw new Error(`${name}: ${dir} is in use by process ${error.holder.pid}; stop it, or use another directory`, {
      cause: error,
    });
  }
}

function readRecord(file: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isProcessIdentity(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
