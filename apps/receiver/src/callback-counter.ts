import { Counter, type Registry } from "@chat-relay/service/metrics";

const REFUSED: Record<number, string> = {
  400: "invalid",
  401: "unauthorized",
  404: "not_found",
  409: "conflict",
  413: "too_large",
  415: "unsupported_type",
  429: "rate_limited",
  503: "unavailable",
};

const OK = 200;

/** Counts callbacks by what became of them; the results are a fixed list, so that nobody outside can add a series. */
export function createCallbackCounter(registry: Registry) {
  const counter = new Counter({
    name: "chat_callbacks_total",
    help: "Callbacks by result: recorded, duplicate, piece, or why they were refused",
    labelNames: ["result"],
    registers: [registry],
  });
  return {
    taken: (result: "recorded" | "duplicate" | "piece") => counter.inc({ result }),
    refused: (status: number) => {
      if (status !== OK) counter.inc({ result: REFUSED[status] ?? "error" });
    },
  };
}
