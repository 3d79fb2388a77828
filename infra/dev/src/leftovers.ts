import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, isProcessIdentity } from "@chat-relay/embedded/process-identity";
import type { ProcessIdentity } from "@chat-relay/embedded/process-identity";
import { KILL, stopProcess } from "@chat-relay/embedded/stop-process";
import { descendantsOf } from "./process-tree.ts";

/** The processes of this launcher, on disk: whoever comes after a SIGKILL of it finds and stops what it left. */
export interface ProcessRecord {
  add(name: string, identity: ProcessIdentity): void;
  remove(identity: ProcessIdentity): void;
  /** Nothing runs any more. */
  clear(): void;
}

type Recorded = ProcessIdentity & { name: string };

export function openProcessRecord(dataDir: string): ProcessRecord {
  const file = join(dataDir, "processes.json");
  let recorded: Recorded[] = [];
  const store = (next: Recorded[]): void => {
    recorded = next;
    // Renamed into place: a kill between two writes must not lose the list.
    writeFileSync(`${file}.new`, JSON.stringify(recorded), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  return {
    add: (name, { pid, startedAt }) => store([...recorded, { name, pid, startedAt }]),
    remove: ({ pid }) => store(recorded.filter((entry) => entry.pid !== pid)),
    clear: () => rmSync(file, { force: true }),
  };
}

/** Stops what an earlier, killed launcher left running. A process that merely got such a pid is not touched. */
export async function stopLeftovers(dataDir: string, graceMs: number, say: (line: string) => void): Promise<void> {
  const alive = readRecord(join(dataDir, "processes.json")).filter(isAlive);
  if (alive.length === 0) return;
  say(`stopping what an earlier run left behind: ${alive.map(({ name, pid }) => `${name} (${pid})`).join(", ")}`);
  const below = await Promise.all(alive.map(async ({ pid }) => await descendantsOf(pid)));
  const all = [...alive, ...below.flat()];
  await Promise.all(
    all.map(async (identity) => await stopProcess(identity, [{ signal: "SIGTERM", waitMs: graceMs }, KILL])),
  );
}

function readRecord(file: string): Recorded[] {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return Array.isArray(value) ? value.filter((entry): entry is Recorded => isProcessIdentity(entry)) : [];
  } catch {
    return []; // none, or cut off: then there is nothing to rely on
  }
}
