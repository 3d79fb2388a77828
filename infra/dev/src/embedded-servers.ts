import { join } from "node:path";
import { defaultCacheDir } from "@chat-relay/embedded/nats-cache";
import { startNatsServer } from "@chat-relay/embedded/nats-server";
import { startPostgres } from "@chat-relay/embedded/postgres";
import { resolveNatsServer } from "@chat-relay/embedded/resolve-nats-server";
import type { ServerProcess } from "@chat-relay/embedded/server-process";
import type { LauncherConfig } from "./launcher-config.ts";
import type { MergedLog } from "./merged-log.ts";

/** Starts an embedded server; every later start, after a crash, is on the port of the first one. */
export type ServerStarter = () => Promise<ServerProcess>;

export function postgresStarter({ dataDir }: LauncherConfig, log: MergedLog, signal: AbortSignal): ServerStarter {
  // The server's own lines begin with a time; the usual ones would only drown the rest.
  const show = (line: string): void => {
    if (!/^\d{4}-/.test(line) || /\b(WARNING|ERROR|FATAL|PANIC):/.test(line)) log.from("postgres", line);
  };
  let port = 0;
  return async () => {
    const server = await startPostgres({ dataDir: join(dataDir, "postgres"), port, log: show, signal });
    port = server.port;
    return server;
  };
}

export function natsStarter({ dataDir, env }: LauncherConfig, log: MergedLog, signal: AbortSignal): ServerStarter {
  const show = (line: string): void => {
    if (!line.startsWith("[") || /\[(WRN|ERR|FTL)\]/.test(line)) log.from("nats", line);
  };
  let binary: string | undefined;
  let port = 0;
  return async () => {
    binary ??= await findBinary(env, dataDir, show, signal);
    const server = await startNatsServer({ binary, storeDir: join(dataDir, "nats"), port, log: show, signal });
    port = server.port;
    return server;
  };
}

async function findBinary(
  env: LauncherConfig["env"],
  dataDir: string,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const cacheDir = defaultCacheDir(env, join(dataDir, "cache"));
  const binary = env["NATS_SERVER_BIN"] === "" ? undefined : env["NATS_SERVER_BIN"];
  return (await resolveNatsServer({ cacheDir, log, binary, searchPath: env["PATH"], signal })).path;
}
