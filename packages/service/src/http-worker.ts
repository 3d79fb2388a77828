import type { FastifyInstance } from "fastify";
import type { Logger } from "./logger.ts";
import type { Worker } from "./run.ts";

/** The HTTP server as a worker: listens, and on the signal finishes the requests under way, within the grace time. */
export function httpWorker(
  app: FastifyInstance,
  options: { host: string; port: number; graceMs: number; logger: Logger },
): Worker {
  const { host, port, graceMs, logger } = options;
  return {
    name: "http",
    stopsLast: true,
    async run(signal) {
      const address = await app.listen({ host, port });
      logger.info({ address }, "service.listening");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      const cut = setTimeout(() => app.server.closeAllConnections(), graceMs);
      await app.close();
      clearTimeout(cut);
    },
  };
}
