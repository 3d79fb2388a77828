import { CALLBACK_LIMIT } from "./callback-limits.ts";
import { MESSAGES_LIMIT, SESSIONS_LIMIT, TRUSTED_PROXY } from "./edge-limits.ts";
import { ORIGIN } from "./edge-origins.ts";
import { OUTBOX_MAX } from "./edge-outbox.ts";
import { REQUEST_TIMEOUT_MS } from "./edge-slow.ts";
import { IDENTITY_SECRET } from "../rig/product-env.ts";
import type { WorldOptions } from "../rig/world.ts";

const REQUEST_TIMEOUT = { CHAT_REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS) };
const LIMITED = { CHAT_RATE_LIMIT_DISABLED: "false" };

/** How the product is configured for the cases about what comes from outside. */
export const INPUT_WORLDS = {
  // Long enough between attempts that a reply comes in between; slow senders are given up soon.
  callbacks: { env: { ...REQUEST_TIMEOUT, CHAT_QUEUE_BACKOFF_MS: "1500" } },
  callbackLimits: {
    env: { ...LIMITED, CHAT_RATE_LIMIT_SESSIONS: "1000/600", CHAT_RATE_LIMIT_WEBHOOKS: `${CALLBACK_LIMIT}/60` },
  },
  secrets: { gateways: 1, dispatchers: 2 },
  edge: {
    env: {
      ...REQUEST_TIMEOUT,
      CHAT_DATABASE_TIMEOUT_MS: "1500",
      CHAT_ALLOWED_ORIGINS: ORIGIN,
      CHAT_IDENTITY_SECRET: IDENTITY_SECRET,
      LOG_LEVEL: "debug",
    },
  },
  edgeLimits: {
    env: {
      ...LIMITED,
      CHAT_RATE_LIMIT_SESSIONS: `${SESSIONS_LIMIT.count}/${SESSIONS_LIMIT.seconds}`,
      CHAT_RATE_LIMIT_MESSAGES: `${MESSAGES_LIMIT.count}/${MESSAGES_LIMIT.seconds}`,
      CHAT_TRUSTED_PROXIES: `${TRUSTED_PROXY}/32`,
    },
  },
  outbox: { env: { CHAT_OUTBOX_MAX: String(OUTBOX_MAX) } },
} satisfies Record<string, WorldOptions>;
