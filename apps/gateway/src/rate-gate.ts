import { ChatError } from "@chat-relay/core/errors";
import { rateLimitHeaders, type RateLimitState } from "@chat-relay/core/rate-limit-headers";
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

  /** For what counts on its way; undefined where nothing is limited. */
  get limiter(): RateLimiter | undefined {
    return this.#limiter;
  }

  /** Takes one from the key's window and tells how it stands; throws the refusal when it is used up. */
  async take(key: string, tell: HeaderSink): Promise<void> {
    const result = await this.#limiter?.consume(key);
    if (result?.allowed === false) throw this.refuse(result, tell);
    this.tell(result, tell);
  }

  /** Tells how the limit stands without taking anything. */
  async show(key: string, tell: HeaderSink): Promise<void> {
    this.tell(await this.#limiter?.read(key), tell);
  }

  /** Gives back what a request took that turned out to cost nothing. */
  async giveBack(key: string): Promise<void> {
    await this.#limiter?.refund(key);
  }

  /** Tells what was counted; nothing where nothing is limited. */
  tell(state: RateLimitState | undefined, tell: HeaderSink): void {
    if (state !== undefined) tell(rateLimitHeaders(state));
  }

  /** Tells of a window that is used up, and makes the refusal. */
  refuse(result: RateLimitResult, tell: HeaderSink): ChatError {
    const { policy, resetSeconds } = result;
    this.tell(result, tell);
    this.#refused.inc({ policy });
    const detail = `The rate limit "${policy}" is used up; try again in ${resetSeconds} s`;
    return new ChatError("rate_limited", detail, { retryAfterSeconds: resetSeconds });
  }
}
