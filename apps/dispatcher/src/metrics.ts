import { Counter, createRegistry, Gauge, Histogram, type Registry } from "@chat-relay/service/metrics";

/** What an operator watches on a dispatcher. */
export interface DispatcherMetrics {
  registry: Registry;
  calls: Histogram<"result">;
  deliveries: Counter<"outcome">;
  republished: Counter<"what">;
  unanswered: Counter;
}

export interface Watched {
  inFlight: () => number;
  breaker: () => "closed" | "open" | "half_open";
  busConnected: () => boolean;
}

const BREAKER_VALUES = { closed: 0, half_open: 1, open: 2 };

function watch(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** Creates the dispatcher's metrics; gauges read their value when they are scraped. */
export function createDispatcherMetrics(watched: Watched): DispatcherMetrics {
  const registry = createRegistry("dispatcher");
  const registers = [registry];
  watch(registry, "chat_deliveries_in_flight", "Deliveries under way", watched.inFlight);
  watch(
    registry,
    "chat_breaker_state",
    "0 closed, 1 half open, 2 open: n8n cannot be reached",
    () => BREAKER_VALUES[watched.breaker()],
  );
  watch(registry, "chat_bus_connected", "1 while NATS is connected", () => Number(watched.busConnected()));
  return {
    registry,
    calls: new Histogram({
      name: "chat_webhook_duration_seconds",
      help: "Calls to n8n by result",
      labelNames: ["result"],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 120],
      registers,
    }),
    deliveries: new Counter({
      name: "chat_deliveries_total",
      help: "Settled claims by outcome",
      labelNames: ["outcome"],
      registers,
    }),
    republished: new Counter({
      name: "chat_sweep_republished_total",
      help: "Events that the sweep published",
      labelNames: ["what"],
      registers,
    }),
    unanswered: new Counter({
      name: "chat_unanswered_total",
      help: "Delivered messages without a reply in time",
      registers,
    }),
  };
}
