import { Counter, createRegistry, Gauge, Histogram, type Registry } from "@chat-relay/service/metrics";
import type { FastifyInstance } from "fastify";

const DURATION_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the gateway counts. No label is anything that a caller can choose. */
export interface GatewayMetrics {
  registry: Registry;
  accepted: Counter;
  duplicates: Counter;
  rateLimited: Counter<"policy">;
  streamsCut: Counter;
  durations: Histogram<"method" | "route" | "status">;
}

/** What is looked at whenever the figures are asked for. */
export interface GatewayGauges {
  busConnected: () => boolean;
  liveStreams: () => number;
}

function observe(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(value());
    },
  });
}

/** The gateway's figures for `/metrics`. */
export function createGatewayMetrics({ busConnected, liveStreams }: GatewayGauges): GatewayMetrics {
  const registry = createRegistry("gateway");
  const registers = [registry];
  observe(registry, "chat_bus_connected", "1 while NATS is connected", () => (busConnected() ? 1 : 0));
  observe(registry, "chat_live_streams", "Live streams that are open", liveStreams);
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
    streamsCut: new Counter({
      name: "chat_live_streams_cut_total",
      help: "Live streams cut since their readers left too much unread",
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
