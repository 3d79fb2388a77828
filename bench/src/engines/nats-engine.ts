import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultCacheDir } from "@chat-relay/embedded/nats-cache";
import { startNatsServer } from "@chat-relay/embedded/nats-server";
import { resolveNatsServer } from "@chat-relay/embedded/resolve-nats-server";
import type { BrokerEngine } from "./broker.ts";

/** Finds or fetches nats-server; it runs with its own defaults, as chat-relay ships it. */
export async function findNats(say: (line: string) => void): Promise<BrokerEngine> {
  const binary = await resolveNatsServer({
    cacheDir: defaultCacheDir(process.env, join(tmpdir(), "chat-relay-cache")),
    binary: process.env["NATS_SERVER_BIN"],
    searchPath: process.env["PATH"],
    log: say,
  });
  return {
    version: `nats-server ${binary.version}`,
    start: async (folder) => {
      const server = await startNatsServer({
        binary: binary.path,
        storeDir: join(folder, "nats"),
        port: 0,
        log: () => undefined,
      });
      return { name: "nats", pid: server.pid, url: server.url, [Symbol.asyncDispose]: () => server.stop() };
    },
  };
}
