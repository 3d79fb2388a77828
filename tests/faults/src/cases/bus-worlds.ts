import type { WorldOptions } from "../rig/world.ts";

const MANY_ATTEMPTS = { CHAT_QUEUE_MAX_ATTEMPTS: "20" };

/** The worlds of the cases that are about the bus. */
export const BUS_WORLDS = {
  // Longer than a case keeps a call open.
  cluster: { natsNodes: 3, env: { ...MANY_ATTEMPTS, CHAT_WEBHOOK_TIMEOUT_MS: "60000" } },
  drift: { env: MANY_ATTEMPTS },
  fullStream: { env: { CHAT_STREAM_MAX_BYTES: String(1_024 * 1_024) } },
  sweeps: { env: { CHAT_QUEUE_INTERVAL_MS: "100" } },
} satisfies Record<string, WorldOptions>;
