import { ChatError } from "@chat-relay/core/errors";
import type { RateLimitState } from "@chat-relay/core/rate-limit-headers";
import type { RateLimiter } from "@chat-relay/database/rate-limiter";

/** Counts a callback against its session's limit, tells how that stands, and refuses one too many. */
export async function consumeLimit(
  limiter: RateLimiter | undefined,
  sessionId: string,
  onLimit: (state: RateLimitState) => void,
): Promise<void> {
  const state = await limiter?.consume(`session:${sessionId}`);
  if (state === undefined) return;
  onLimit(state);
  if (state.allowed) return;
  const retryAfterSeconds = state.resetSeconds;
  throw new ChatError("rate_limited", "Too many callbacks for this session", { retryAfterSeconds });
}
