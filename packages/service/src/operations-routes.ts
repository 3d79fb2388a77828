import type { FastifyInstance } from "fastify";
import type { Health } from "./health.ts";
import type { Registry } from "./metrics.ts";

/** What every process answers to its operator: liveness, readiness, metrics. */
export function operationsRoutes(app: FastifyInstance, options: { health: Health; registry: Registry }): void {
  const { health, registry } = options;
  const quiet = { logLevel: "silent" } as const;
  // Touches nothing: it says that the process lives, not that PostgreSQL does.
  app.get("/healthz", quiet, () => ({ status: "ok" }));
  app.get("/readyz", quiet, async (_request, reply) => {
    const readiness = await health.read();
    return reply.code(readiness.status === "ready" ? 200 : 503).send(readiness);
  });
  app.get("/metrics", quiet, async (_request, reply) => {
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}
