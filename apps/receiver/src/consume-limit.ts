import { ChatError } from "@chat-relay/core/errors";
import type { RateLimitState } from "@chat-relay/core/rate-limit-headers";
import type { RateLimiter } from "@chat-relay/database/rate-limiter";

/** The refusal of one callback too many. */
export function overLimit({ resetSeconds }: RateLimitState): ChatError {
  return new ChatError("rate_limited", "Too many callbacks for this session", { retryAfterSeconds: resetSeconds });
}

/** Counts a callback against its session's limit, tells how that stands, and refuses one too many. */
export async function consumeLimit(
  limiter: RateLimiter | undefined,
  sessionId: string,
  onLimit: (state: RateLimitState) => void,
): Promise<void> {
  const state = await limiter?.consume(`session:${sessionId}`);
  if (state === undefined) return;
  onLimit(state);
  if (!state.allowed) throw overLimit(state);
}
