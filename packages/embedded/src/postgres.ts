import { chmodSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { LastLines } from "./last-lines.ts";
import { choosePostgresAccount } from "./postgres-account.ts";
import type { PostgresAccount } from "./postgres-account.ts";
import { locatePostgresBinaries } from "./postgres-binaries.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import { clusterDirOf, clusterExists, openCluster, postgresEnv } from "./postgres-cluster.ts";
import type { PostgresCluster } from "./postgres-cluster.ts";
import { stopOrphanedPostgres } from "./postgres-orphan.ts";
import { guardServerDir } from "./server-guard.ts";
import type { ServerGuard } from "./server-guard.ts";
import { spawnServerChild } from "./server-process.ts";
import type { LineLog, ServerChild, ServerProcess } from "./server-process.ts";
import { KILL } from "./stop-process.ts";
import type { StopStep } from "./stop-process.ts";
import { waitUntil } from "./wait-until.ts";

export interface PostgresOptions {
  /** Made when missing. Holds the cluster, its password and the lock. */
  dataDir: string;
  /** 0: any free one. */
  port: number;
  /** Server settings, as in postgresql.conf: `{ fsync: "off" }`. */
  settings?: Readonly<Record<string, string>>;
  log: LineLog;
  /** Gives up a start under way. */
  signal?: AbortSignal;
}

// SIGINT is PostgreSQL's fast shutdown (clients are cut off, all is written), SIGQUIT the immediate one.
const STOP_STEPS: readonly StopStep[] = [
  { signal: "SIGINT", waitMs: 10_000 },
  { signal: "SIGQUIT", waitMs: 3_000 },
];
const READY_TIMEOUT_MS = 60_000;
const PORT_TRIES = 5;

const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  log_checkpoints: "off",
  // A refused statement is told to whoever sent it: a repeated callback, say, is no fault of the database.
  log_min_messages: "log",
  // Statements and row values hold what visitors wrote: they stay out of the server's log.
  log_min_error_statement: "panic",
  log_error_verbosity: "terse",
  log_parameter_max_length_on_error: "0",
};

interface Prepared {
  options: PostgresOptions;
  account: PostgresAccount;
  binaries: PostgresBinaries;
  cluster: PostgresCluster;
  guard: ServerGuard;
}

/**
 * Starts a real PostgreSQL on 127.0.0.1 and waits until it accepts connections. The URL names an empty database of
 * its own. What an earlier, killed run left behind is stopped first; a directory in use by a live one is refused.
 */
export async function startPostgres(options: PostgresOptions): Promise<ServerProcess> {
  mkdirSync(options.dataDir, { recursive: true });
  const dataDir = realpathSync(options.dataDir);
  const guard = await guardServerDir({ dir: dataDir, name: "PostgreSQL", stopSteps: STOP_STEPS, log: options.log });
  try {
    return await startGuarded(await prepare({ ...options, dataDir }, guard));
  } catch (error) {
    guard.release();
    throw error;
  }
}

async function prepare(options: PostgresOptions, guard: ServerGuard): Promise<Prepared> {
  const { dataDir, settings, log } = options;
  const binaries = locatePostgresBinaries();
  const clusterDir = clusterDirOf(dataDir);
  if (process.getuid?.() === 0) chmodSync(dataDir, 0o711); // the account passes through, nobody else reads
  const account = await choosePostgresAccount({ clusterDir, paths: [binaries.postgres, clusterDir] });
  if (clusterExists(dataDir)) await stopOrphanedPostgres(clusterDir, log);
  else log("PostgreSQL: making the data directory");
  const cluster = await openCluster({ dataDir, account, binaries, sync: settings?.["fsync"] !== "off" });
  return { options, account, binaries, cluster, guard };
}

// A free port can be taken by somebody else before the server has it; only then another one is tried.
async function startGuarded(prepared: Prepared): Promise<ServerProcess> {
  const { port: wanted } = prepared.options;
  for (let tries = 1; ; tries += 1) {
    const port = wanted === 0 ? await freePort() : wanted;
    const result = await launch(prepared, port);
    if (result.ready) return serverProcess(prepared, port, result.child);
    const portTaken = result.output.includes("Address already in use");
    if (wanted === 0 && portTaken && tries < PORT_TRIES) continue;
    throw new Error(`PostgreSQL did not start on port ${port}: ${result.output}`);
  }
}

type Launch = { ready: true; child: ServerChild } | { ready: false; output: string };

async function launch({ options, account, binaries, cluster, guard }: Prepared, port: number): Promise<Launch> {
  const settings = { ...DEFAULT_SETTINGS, ...options.settings, port: String(port) };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const [command = "", ...args] = [...account.prefix, binaries.postgres, "-D", cluster.dir, ...flags];
  const output = new LastLines();
  const log = (line: string): void => {
    output.add(line);
    options.log(line);
  };
  options.signal?.throwIfAborted();
  const child = await spawnServerChild({ command, args, env: postgresEnv(), cwd: "/", ...account.ids }, log);
  guard.record(child.identity);
  await waitUntil(() => options.signal?.aborted === true || child.hasExited() || isReady(cluster.dir, child), {
    timeoutMs: READY_TIMEOUT_MS,
  });
  if (!child.hasExited() && isReady(cluster.dir, child)) return { ready: true, child };
  await child.stop([...STOP_STEPS, KILL]);
  options.signal?.throwIfAborted();
  await waitUntil(child.hasClosed, { timeoutMs: 1_000 }); // its last words may still be in the pipe
  return { ready: false, output: output.text() };
}

/** The server itself writes its state into the eighth line of postmaster.pid. */
function isReady(clusterDir: string, child: ServerChild): boolean {
  try {
    const lines = readFileSync(join(clusterDir, "postmaster.pid"), "utf8").split("\n");
    return Number(lines[0]) === child.identity.pid && lines[7]?.trim() === "ready";
  } catch {
    return false; // not written yet
  }
}

function serverProcess({ cluster, guard }: Prepared, port: number, child: ServerChild): ServerProcess {
  const exited = child.exited.finally(() => guard.release());
  const stop = async (): Promise<void> => {
    await child.stop([...STOP_STEPS, KILL]);
    await exited;
  };
  const url = `postgresql://${cluster.user}:${cluster.password}@127.0.0.1:${port}/${cluster.database}`;
  return { url, port, pid: child.identity.pid, exited, stop, kill: child.kill, [Symbol.asyncDispose]: stop };
}
