import { Counter, createRegistry, Gauge, Histogram, type Registry } from "@chat-relay/service/metrics";
import type { FastifyInstance } from "fastify";

const DURATION_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the gateway counts. No label is anything that a caller can choose. */
export interface GatewayMetrics {
  registry: Registry;
  accepted: Counter;
  duplicates: Counter;
  rateLimited: Counter<"policy">;
  durations: Histogram<"method" | "route" | "status">;
}

/** The gateway's figures for `/metrics`. */
export function createGatewayMetrics(busConnected: () => boolean): GatewayMetrics {
  const registry = createRegistry("gateway");
  const registers = [registry];
  new Gauge({
    name: "chat_bus_connected",
    help: "1 while NATS is connected",
    registers,
    collect() {
      this.set(busConnected() ? 1 : 0);
    },
  });
  return {
    registry,
    accepted: new Counter({ name: "chat_messages_accepted_total", help: "Messages committed", registers }),
    duplicates: new Counter({
      name: "chat_messages_duplicate_total",
      help: "Sends repeated with their idempotency key",
      registers,
    }),
    rateLimited: new Counter({
      name: "chat_rate_limited_total",
      help: "Requests refused by a rate limit",
      labelNames: ["policy"],
      registers,
    }),
    durations: new Histogram({
      name: "chat_http_request_duration_seconds",
      help: "Duration of HTTP requests by route pattern",
      labelNames: ["method", "route", "status"],
      buckets: DURATION_BUCKETS_S,
      registers,
    }),
  };
}

/** Times every request under its route's pattern; paths without a route share one. */
export function timeRequests(app: FastifyInstance, durations: GatewayMetrics["durations"]): void {
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    durations.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
  });
}
