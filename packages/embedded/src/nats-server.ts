import { randomUUID } from "node:crypto";
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { LastLines } from "./last-lines.ts";
import { readNatsInfo } from "./nats-info.ts";
import { guardServerDir } from "./server-guard.ts";
import type { ServerGuard } from "./server-guard.ts";
import { spawnServerChild } from "./server-process.ts";
import type { LineLog, ServerChild, ServerProcess } from "./server-process.ts";
import { KILL } from "./stop-process.ts";
import type { StopStep } from "./stop-process.ts";
import { waitUntil } from "./wait-until.ts";

export interface NatsServerOptions {
  /** The nats-server program, see `resolveNatsServer`. */
  binary: string;
  /** Made when missing. Holds the JetStream store, the generated config and the lock. */
  storeDir: string;
  /** 0: any free one. */
  port: number;
  /** A node of a cluster keeps its name; else each start has one of its own. */
  serverName?: string | undefined;
  /** HTTP monitoring on 127.0.0.1; off unless given. */
  monitorPort?: number;
  /** Further lines of nats-server configuration. */
  extraConfig?: string;
  log: LineLog;
  /** Gives up a start under way. */
  signal?: AbortSignal;
}

const STOP_STEPS: readonly StopStep[] = [
  { signal: "SIGINT", waitMs: 8_000 },
  { signal: "SIGTERM", waitMs: 2_000 },
];
const READY_TIMEOUT_MS = 60_000;
const PORT_TRIES = 5;

/**
 * Starts a nats-server with JetStream on 127.0.0.1 and waits until it answers. Two servers would start happily on one
 * store and ruin it: an orphan of an earlier run is stopped first, a store in use by a live process is refused.
 */
export async function startNatsServer(options: NatsServerOptions): Promise<ServerProcess> {
  mkdirSync(options.storeDir, { recursive: true });
  const storeDir = realpathSync(options.storeDir);
  const guard = await guardServerDir({ dir: storeDir, name: "nats-server", stopSteps: STOP_STEPS, log: options.log });
  try {
    return await startGuarded({ ...options, storeDir }, guard);
  } catch (error) {
    guard.release();
    throw error;
  }
}

// A free port can be taken by somebody else before the server has it; only then another one is tried.
async function startGuarded(options: NatsServerOptions, guard: ServerGuard): Promise<ServerProcess> {
  for (let tries = 1; ; tries += 1) {
    const port = options.port === 0 ? await freePort() : options.port;
    const result = await launch(options, port, guard);
    if (result.ready) return serverProcess(port, result.child, guard);
    const portTaken = result.output.includes("address already in use");
    if (options.port === 0 && portTaken && tries < PORT_TRIES) continue;
    throw new Error(`nats-server did not start on port ${port}: ${result.output}`);
  }
}

type Launch = { ready: true; child: ServerChild } | { ready: false; output: string };

async function launch(options: NatsServerOptions, port: number, guard: ServerGuard): Promise<Launch> {
  // A name nobody else has: an answer on this port must come from our server, not from one that had the port before.
  const serverName = options.serverName ?? `chat-relay-${randomUUID()}`;
  const configFile = join(options.storeDir, "nats-server.conf");
  writeFileSync(configFile, natsConfig(options, port, serverName), { mode: 0o600 });
  const output = new LastLines();
  const log = (line: string): void => {
    output.add(line);
    options.log(line);
  };
  options.signal?.throwIfAborted();
  const child = await spawnServerChild(
    { command: options.binary, args: ["--config", configFile], env: {}, cwd: options.storeDir },
    log,
  );
  guard.record(child.identity);
  const isReady = async (): Promise<boolean> => {
    const info = await readNatsInfo(port);
    return info?.server_name === serverName && info.jetstream === true;
  };
  const ready = await waitUntil(
    async () => options.signal?.aborted === true || child.hasExited() || (await isReady()),
    { timeoutMs: READY_TIMEOUT_MS },
  );
  if (ready && !child.hasExited() && options.signal?.aborted !== true) return { ready: true, child };
  await child.stop([...STOP_STEPS, KILL]);
  options.signal?.throwIfAborted();
  await waitUntil(child.hasClosed, { timeoutMs: 1_000 }); // its last words may still be in the pipe
  return { ready: false, output: output.text() };
}

function natsConfig(
  { storeDir, monitorPort, extraConfig }: NatsServerOptions,
  port: number,
  serverName: string,
): string {
  return [
    "# Generated at every start: changes here are lost.",
    `server_name: ${JSON.stringify(serverName)}`,
    `listen: "127.0.0.1:${port}"`,
    ...(monitorPort === undefined ? [] : [`http: "127.0.0.1:${monitorPort}"`]),
    `jetstream { store_dir: ${JSON.stringify(storeDir)} }`,
    extraConfig ?? "",
    "",
  ].join("\n");
}

function serverProcess(port: number, child: ServerChild, guard: ServerGuard): ServerProcess {
  const exited = child.exited.finally(() => guard.release());
  const stop = async (): Promise<void> => {
    await child.stop([...STOP_STEPS, KILL]);
    await exited;
  };
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    pid: child.identity.pid,
    exited,
    stop,
    kill: child.kill,
    [Symbol.asyncDispose]: stop,
  };
}
