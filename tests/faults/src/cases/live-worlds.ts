import type { WorldOptions } from "../rig/world.ts";

// The case speaks for n8n, at times for long.
const SPOKEN = { CHAT_QUEUE_MAX_ATTEMPTS: "20", CHAT_WEBHOOK_TIMEOUT_MS: "60000" };

/** So many streams a session and a gateway may have in the world of the limits. */
export const STREAM_LIMITS = { perSession: 4, perGateway: 40 } as const;

/** The worlds of the cases about the live stream: one as by default, and one in which all of it is small. */
export const LIVE_WORLDS = {
  usual: { dispatchers: 2, env: SPOKEN },
  limits: {
    dispatchers: 2,
    receivers: 1,
    env: {
      ...SPOKEN,
      CHAT_STREAM_MAX_PER_SESSION: String(STREAM_LIMITS.perSession),
      CHAT_STREAM_MAX_CONNECTIONS: String(STREAM_LIMITS.perGateway),
      CHAT_LIVE_MAX_BYTES: String(1_024 * 1_024),
    },
  },
} satisfies Record<string, WorldOptions>;
