import type { FastifyInstance } from "fastify";
import type { Worker } from "./run.ts";

/**
 * Connections that may wait to be taken. All readers of a gateway that went away come back in the same second, and one that
 * finds no place tries again ever more seldom, for minutes. The system has a cap of its own (Linux: `net.core.somaxconn`).
 */
const BACKLOG = 4_096;

/** The HTTP server as a worker: listens, and on the signal finishes the requests under way, within the grace time. */
export function httpWorker(app: FastifyInstance, options: { host: string; port: number; graceMs: number }): Worker {
  const { host, port, graceMs } = options;
  return {
    name: "http",
    stopsLast: true,
    async run(signal) {
      await app.listen({
        host,
        port,
        backlog: BACKLOG,
        listenTextResolver: (address) => `service.listening ${address}`,
      });
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      const cut = setTimeout(() => app.server.closeAllConnections(), graceMs);
      await app.close();
      clearTimeout(cut);
    },
  };
}
