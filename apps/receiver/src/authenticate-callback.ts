import { clientAddressKey } from "@chat-relay/core/client-address";
import type { ChatConfig } from "@chat-relay/core/config";
import {
  verifyWebhook,
  webhookKeys,
  type VerifyFailure,
  type WebhookHeaders,
} from "@chat-relay/core/webhook-signature";
import type { Database } from "@chat-relay/database/database";
import { createRateLimiter, type RateLimiter, type RateLimitResult } from "@chat-relay/database/rate-limiter";

export interface SignedRequest extends WebhookHeaders {
  body: Buffer;
  /** The client's address. */
  address: string;
}

export type Authentication =
  | { ok: true; callbackId: string }
  /** `reason` is for the log; `limit` is missing when limits are off or their store is away. */
  | { ok: false; reason: VerifyFailure; limit: RateLimitResult | undefined };

/** What every request is told that is not authentic. */
export const NOT_AUTHENTIC = {
  code: "unauthorized",
  detail: "The signature, time or headers are not valid",
} as const;

export type Authenticate = (request: SignedRequest) => Promise<Authentication>;

/** Counts a refusal. That the count cannot be kept is no reason to tell a forger anything else. */
async function countRefusal(limiter: RateLimiter | undefined, address: string): Promise<RateLimitResult | undefined> {
  return limiter?.consume(`address:${clientAddressKey(address)}`).catch(() => undefined);
}

/** Verifies who sent a callback. Only refused ones count against an address, so a forger next door blocks no workflow. */
export function createAuthentication({ config, database }: { config: ChatConfig; database: Database }): Authenticate {
  const keys = webhookKeys(config.webhookSecret);
  const toleranceMs = config.signatureToleranceMs;
  const limiter = createRateLimiter(database, "webhooks", config.rateLimitWebhooks, config.rateLimitDisabled, {
    blockInMemory: true,
  });
  return async ({ body, address, ...headers }) => {
    const verified = verifyWebhook(keys, headers, body, { nowMs: Date.now(), toleranceMs });
    if (verified.ok && headers.id !== undefined) return { ok: true, callbackId: headers.id };
    const reason = verified.ok ? "id_invalid" : verified.reason;
    return { ok: false, reason, limit: await countRefusal(limiter, address) };
  };
}
