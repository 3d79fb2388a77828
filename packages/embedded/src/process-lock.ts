import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { isAlive, isProcessIdentity, ownIdentity } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/** The lock is held by a process that is alive. */
export class LockHeldError extends Error {
  readonly path: string;
  readonly holder: ProcessIdentity;

  constructor(path: string, holder: ProcessIdentity) {
    super(`${path} is held by process ${holder.pid}`);
    this.name = "LockHeldError";
    this.path = path;
    this.holder = holder;
  }
}

export interface ProcessLock extends Disposable {
  release(): void;
}

/**
 * Takes a lock file that names its holder by pid and start time. A lock whose holder is dead is taken over, so a
 * killed process blocks nobody. It is not re-entrant: a second call in the same process is refused as well.
 */
export function acquireProcessLock(path: string): ProcessLock {
  const content = JSON.stringify(ownIdentity());
  // A third try is only needed when two processes take over the same dead lock at the same moment.
  for (let tries = 0; tries < 3; tries += 1) {
    if (createWithContent(path, content)) return lockOn(path, content);
    const holder = readHolder(path);
    if (holder !== undefined && isAlive(holder)) throw new LockHeldError(path, holder);
    removeDeadLock(path);
  }
  throw new Error(`${path}: the lock could not be taken, other processes are competing for it`);
}

function lockOn(path: string, content: string): ProcessLock {
  const release = (): void => {
    if (readText(path) === content) rmSync(path, { force: true });
  };
  return { release, [Symbol.dispose]: release };
}

// link() is atomic and fails when the name exists: nobody ever sees a lock without its content.
function createWithContent(path: string, content: string): boolean {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

// Between reading and removing, another process may have taken over the lock: look at what was really moved away.
function removeDeadLock(path: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = readHolder(aside);
  if (moved !== undefined && isAlive(moved)) putBack(aside, path);
  rmSync(aside, { force: true });
}

function putBack(aside: string, path: string): void {
  try {
    linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(readText(path) ?? "");
    return isProcessIdentity(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
