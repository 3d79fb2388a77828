import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { identifyProcess } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { runCommand } from "./run-command.ts";
import type { LineLog } from "./server-process.ts";
import { KILL, stopProcess } from "./stop-process.ts";

/**
 * Stops whatever PostgreSQL still runs on a cluster: the postmaster of a killed parent, or the backends of a killed
 * postmaster. Only a process that really is a PostgreSQL on this very directory is touched, whatever a stale
 * postmaster.pid says: its pid may have been given to somebody else since.
 */
export async function stopOrphanedPostgres(clusterDir: string, log: LineLog): Promise<void> {
  const postmaster = await postmasterOf(clusterDir);
  if (postmaster !== undefined) {
    log(`PostgreSQL: stopping process ${postmaster.pid}, left behind by an earlier run`);
    await stopProcess(postmaster, [{ signal: "SIGINT", waitMs: 10_000 }, { signal: "SIGQUIT", waitMs: 5_000 }, KILL]);
  }
  // Without their postmaster backends end by themselves, but one in a long statement notices late.
  for (const backend of serversOn(clusterDir)) await stopProcess(backend, [{ signal: "SIGQUIT", waitMs: 5_000 }, KILL]);
  // Nothing runs there now, so a pid file can only mislead: the server would believe in any process of that pid.
  rmSync(join(clusterDir, "postmaster.pid"), { force: true });
}

async function postmasterOf(clusterDir: string): Promise<ProcessIdentity | undefined> {
  const pid = postmasterPid(clusterDir);
  const identity = pid === undefined ? undefined : identifyProcess(pid);
  if (identity === undefined) return undefined;
  return (await isPostgresOn(identity.pid, clusterDir)) ? identity : undefined;
}

/** The pid in the first line of postmaster.pid. */
function postmasterPid(clusterDir: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(clusterDir, "postmaster.pid"), "utf8"), 10);
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function isPostgresOn(pid: number, clusterDir: string): Promise<boolean> {
  if (process.platform === "linux") return worksIn(pid, clusterDir);
  const { ok, stdout } = await runCommand("ps", ["-o", "command=", "-p", String(pid)], { timeoutMs: 5_000 });
  return ok && stdout.includes("postgres") && stdout.includes(clusterDir);
}

/** Linux shows every process's program and directory; PostgreSQL works in its cluster's directory. */
function worksIn(pid: number, clusterDir: string): boolean {
  try {
    const program = basename(readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, "");
    return program === "postgres" && readlinkSync(`/proc/${pid}/cwd`) === realpathSync(clusterDir);
  } catch {
    return false; // gone meanwhile, or not ours to look at
  }
}

function serversOn(clusterDir: string): ProcessIdentity[] {
  if (process.platform !== "linux") return [];
  const pids = readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && worksIn(pid, clusterDir));
  return pids.map(identifyProcess).filter((identity) => identity !== undefined);
}
