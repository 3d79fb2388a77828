import type { RateLimit } from "@chat-relay/core/config-fields";
import type { RateLimitState } from "@chat-relay/core/rate-limit-headers";
import {
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
  type RateLimiterAbstract,
} from "rate-limiter-flexible";
import type { CountedColumns, LimitColumns } from "./count-limit.ts";
import type { Database } from "./database.ts";

export interface RateLimitResult extends RateLimitState {
  allowed: boolean;
}

/** Counts by key, in windows. */
export interface RateLimiter {
  /** Takes one from the key's window. */
  consume(key: string): Promise<RateLimitResult>;
  /** How the key's window stands, without taking anything from it. */
  read(key: string): Promise<RateLimitState>;
  /** Gives one back: the request turned out to cost nothing. */
  refund(key: string): Promise<void>;
  /** The key's window, for a statement that takes one from it on its way. */
  columns(key: string): LimitColumns;
  /** What such a statement found; undefined when it took nothing. */
  counted(row: CountedColumns): RateLimitResult | undefined;
}

export interface RateLimiterOptions {
  /** A key over its limit is refused from memory until its window ends: no write each time, but no refund either. */
  blockInMemory?: boolean;
}

// What the library asks of a PostgreSQL client.
function storeClient(database: Database) {
  return {
    query: async ({ name, text, values }: { name: string; text: string; values: unknown[] }) => {
      const rows = await database.query({ name, text }, values);
      return { rows, rowCount: rows.length };
    },
  };
}

function toResult(limit: RateLimit, policy: string, result: RateLimiterRes, allowed: boolean): RateLimitResult {
  const resetSeconds = Math.max(1, Math.ceil(result.msBeforeNext / 1_000));
  return { allowed, policy, limit, remaining: result.remainingPoints, resetSeconds };
}

function limiterOf(limiter: RateLimiterAbstract, policy: string, limit: RateLimit): RateLimiter {
  return {
    async consume(key) {
      try {
        return toResult(limit, policy, await limiter.consume(key), true);
      } catch (error) {
        if (error instanceof RateLimiterRes) return toResult(limit, policy, error, false);
        throw error;
      }
    },
    async read(key) {
      const state = await limiter.get(key);
      if (state === null) return { policy, limit, remaining: limit.count, resetSeconds: limit.seconds };
      return toResult(limit, policy, state, state.remainingPoints > 0);
    },
    async refund(key) {
      await limiter.reward(key);
    },
    columns(key) {
      return { limit_key: limiter.getKey(key), limit_count: limit.count, limit_ms: limit.seconds * 1_000 };
    },
    counted({ limit_taken: taken, limit_ms_left: msLeft }) {
      if (taken === null || msLeft === null) return undefined;
      const resetSeconds = Math.max(1, Math.ceil(msLeft / 1_000));
      return {
        allowed: taken <= limit.count,
        policy,
        limit,
        remaining: Math.max(0, limit.count - taken),
        resetSeconds,
      };
    },
  };
}

/**
 * A limiter named by its policy: `messages`, `sessions` or `webhooks`. It counts in PostgreSQL, so that it holds across all
 * gateways and receivers. Undefined when limits are turned off.
 */
export function createRateLimiter(
  database: Database,
  policy: string,
  limit: RateLimit,
  disabled: boolean,
  options: RateLimiterOptions = {},
): RateLimiter | undefined {
  if (disabled) return undefined;
  const limiter = new RateLimiterPostgres({
    storeClient: storeClient(database),
    storeType: "client",
    tableName: "chat_rate_limit",
    tableCreated: true,
    keyPrefix: policy,
    points: limit.count,
    duration: limit.seconds,
    inMemoryBlockOnConsumed: options.blockInMemory === true ? limit.count : 0,
  });
  return limiterOf(limiter, policy, limit);
}

/** A limiter that counts in this process alone, for what is worth no round trip. Undefined when limits are turned off. */
export function createLocalRateLimiter(policy: string, limit: RateLimit, disabled: boolean): RateLimiter | undefined {
  if (disabled) return undefined;
  const limiter = new RateLimiterMemory({ points: limit.count, duration: limit.seconds });
  return limiterOf(limiter, policy, limit);
}
