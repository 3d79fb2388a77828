import { defaultCacheDir } from "@chat-relay/embedded/nats-cache";
import { startNatsServer } from "@chat-relay/embedded/nats-server";
import { startPostgres } from "@chat-relay/embedded/postgres";
import { resolveNatsServer } from "@chat-relay/embedded/resolve-nats-server";
import { stablePort } from "@chat-relay/testkit/stable-port";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RestartableServer } from "./restartable-server.ts";

// Killed processes lose nothing that they wrote; only a power cut does, and that is not played here. Commits wait for
// the write, as they do by default.
const SETTINGS = { fsync: "off", log_min_messages: "warning", max_connections: "300" };

/** PostgreSQL in the folder. `kill("SIGQUIT")` is its immediate shutdown. */
export async function startPostgresServer(folder: string): Promise<RestartableServer> {
  const port = await stablePort();
  const dataDir = join(folder, "postgres");
  return RestartableServer.start("postgres", (log) => startPostgres({ dataDir, port, settings: SETTINGS, log }));
}

/** A nats-server; its monitoring tells what no client needs to ask. */
export interface NatsNode {
  server: RestartableServer;
  serverName: string;
  monitorUrl: string;
  /** Empties the store of a node that is down. */
  wipe(): Promise<void>;
}

interface NodePlan {
  name: string;
  folder: string;
  port: number;
  monitorPort: number;
  extraConfig: string;
}

async function startNode(plan: NodePlan): Promise<NatsNode> {
  const cacheDir = defaultCacheDir(process.env, join(tmpdir(), "chat-relay-cache"));
  const { NATS_SERVER_BIN: binary, PATH: searchPath } = process.env;
  const { path } = await resolveNatsServer({ cacheDir, binary, searchPath, log: () => undefined });
  const { name: serverName, folder: storeDir, port, monitorPort, extraConfig } = plan;
  const options = { binary: path, serverName, storeDir, port, monitorPort, extraConfig };
  const server = await RestartableServer.start(serverName, (log) => startNatsServer({ ...options, log }));
  return {
    server,
    serverName,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    async wipe() {
      for (const name of await readdir(storeDir)) await rm(join(storeDir, name), { recursive: true, force: true });
    },
  };
}

/** One nats-server, or a cluster of several on loopback. */
export async function startNatsNodes(folder: string, count: number): Promise<NatsNode[]> {
  const routes = await Promise.all(Array.from({ length: count }, () => stablePort()));
  const plans = await Promise.all(
    routes.map(async (route, index): Promise<NodePlan> => {
      const urls = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(", ");
      // Not advertised: a client that is told of the other nodes would go round its proxies.
      const cluster = `cluster { name: faults, listen: "127.0.0.1:${route}", routes: [${urls}], no_advertise: true }`;
      return {
        name: `nats-${index + 1}`,
        folder: join(folder, `nats-${index + 1}`),
        port: await stablePort(),
        monitorPort: await stablePort(),
        extraConfig: count === 1 ? "" : cluster,
      };
    }),
  );
  return Promise.all(plans.map(startNode));
}
