import type { WorldOptions } from "../rig/world.ts";
import { COUNTING_CONNECTIONS } from "../rig/connection-count.ts";

/** How the product is configured for the cases about n8n. */
export const N8N_WORLDS = {
  answers: {
    bugs: ["a dispatcher throws after its claim"],
    env: {
      CHAT_QUEUE_MAX_ATTEMPTS: "4",
      CHAT_QUEUE_BACKOFF_MS: "500",
      CHAT_QUEUE_BACKOFF_MAX_MS: "4000",
      CHAT_WEBHOOK_TIMEOUT_MS: "2000",
      CHAT_REPLY_TIMEOUT_MS: "1500",
    },
  },
  // The clock of an outage runs 20 times as fast as by default: 30 s stand for ten minutes.
  outage: {
    env: {
      ...COUNTING_CONNECTIONS,
      CHAT_DISPATCH_CONCURRENCY: "32",
      CHAT_BREAKER_PROBE_MS: "100",
      CHAT_BREAKER_PROBE_MAX_MS: "1500",
      CHAT_BREAKER_RAMP_MS: "500",
      CHAT_WEBHOOK_CONNECT_TIMEOUT_MS: "500",
      CHAT_QUEUE_MAX_ATTEMPTS: "6",
    },
  },
} satisfies Record<string, WorldOptions>;
