/** Planted in everything that visitors and bots say: must never be found in a log. */
export const TEXT_CANARY = "kanarie-7f3a";

export const WEBHOOK_SECRET = "whsec_Y2FuYXJ5IG9mIHRoZSBmYXVsdCBzdWl0ZSwgbG9uZyBlbm91Z2g=";
export const ADMIN_TOKEN = "operator-canary-51c07d2e9b";
export const IDENTITY_SECRET = "identity-canary-0c6ad1f2b7-of-good-length";

/** How the services of the suite are configured: as by default, but quicker, so that a case ends in seconds. */
export const PRODUCT_ENV: Record<string, string> = {
  CHAT_WEBHOOK_SECRET: WEBHOOK_SECRET,
  CHAT_ADMIN_TOKEN: ADMIN_TOKEN,
  CHAT_RATE_LIMIT_DISABLED: "true",
  CHAT_ACK_WAIT_MS: "3000",
  CHAT_QUEUE_INTERVAL_MS: "1000",
  CHAT_QUEUE_BACKOFF_MS: "200",
  CHAT_QUEUE_BACKOFF_MAX_MS: "2000",
  CHAT_WEBHOOK_TIMEOUT_MS: "6000",
  CHAT_BREAKER_PROBE_MS: "200",
  CHAT_BREAKER_PROBE_MAX_MS: "2000",
  CHAT_SHUTDOWN_GRACE_MS: "3000",
  CHAT_SHUTDOWN_DRAIN_MS: "300",
};
