import { ChatError } from "@chat-relay/core/errors";
import { rateLimitHeaders } from "@chat-relay/core/rate-limit-headers";
import type { RateLimiter, RateLimitResult } from "@chat-relay/database/rate-limiter";
import type { Counter } from "@chat-relay/service/metrics";

/** Where a limit's state is told to the caller: the response's headers. */
export type HeaderSink = (headers: Record<string, string>) => void;

/** One rate limit at the edge: takes, tells, refuses. Does nothing where limits are turned off. */
export class RateGate {
  #limiter: RateLimiter | undefined;
  #refused: Counter<"policy">;

  constructor(limiter: RateLimiter | undefined, refused: Counter<"policy">) {
    this.#limiter = limiter;
    this.#refused = refused;
  }

  /** Takes one from the key's window; undefined where nothing is limited. */
  async take(key: string, tell: HeaderSink): Promise<RateLimitResult | undefined> {
    const result = await this.#limiter?.consume(key);
    if (result !== undefined) tell(rateLimitHeaders(result));
    return result;
  }

  /** Tells how the limit stands without taking anything. */
  async show(key: string, tell: HeaderSink): Promise<void> {
    const state = await this.#limiter?.read(key);
    if (state !== undefined) tell(rateLimitHeaders(state));
  }

  /** Gives back what a request took that turned out to cost nothing. */
  async giveBack(key: string): Promise<void> {
    await this.#limiter?.refund(key);
  }

  /** The refusal for a window that is used up. */
  refusal({ policy, resetSeconds }: RateLimitResult): ChatError {
    this.#refused.inc({ policy });
    const detail = `The rate limit "${policy}" is used up; try again in ${resetSeconds} s`;
    return new ChatError("rate_limited", detail, { retryAfterSeconds: resetSeconds });
  }
}
