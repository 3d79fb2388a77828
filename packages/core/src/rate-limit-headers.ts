import type { RateLimit } from "./config-fields.ts";

/** A rate limit as it stands for one client. */
export interface RateLimitState {
  policy: string;
  limit: RateLimit;
  remaining: number;
  /** Whole seconds until the window ends. */
  resetSeconds: number;
}

/** The headers of the IETF draft: `RateLimit-Policy: "messages";q=10;w=60` and `RateLimit: "messages";r=7;t=41`. */
export function rateLimitHeaders({ policy, limit, remaining, resetSeconds }: RateLimitState): Record<string, string> {
  return {
    "ratelimit-policy": `"${policy}";q=${limit.count};w=${limit.seconds}`,
    ratelimit: `"${policy}";r=${remaining};t=${resetSeconds}`,
  };
}
