/** Share of a delay by which it may differ, so that retries of many sessions do not arrive together. */
const JITTER = 0.2;

export interface BackoffLimits {
  queueBackoffMs: number;
  queueBackoffMaxMs: number;
}

export interface RetryAfterLimits {
  retryAfterMinMs: number;
  retryAfterMaxMs: number;
}

/** Delay in ms before the attempt that follows `failedAttempts` failed ones: doubles each time, ±20 %, capped before jitter. */
export function backoffDelayMs(failedAttempts: number, limits: BackoffLimits, random: number): number {
  const doubled = limits.queueBackoffMs * 2 ** Math.min(failedAttempts - 1, 50);
  const delayMs = Math.min(doubled, limits.queueBackoffMaxMs);
  return Math.round(delayMs * (1 - JITTER + 2 * JITTER * random));
}

function parseRetryAfter(value: string, nowMs: number): number | undefined {
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1_000;
  // Only the three HTTP-date forms begin with a day's name; Date.parse alone would take almost anything.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(value)) return undefined;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : atMs - nowMs;
}

/** Delay in ms that `Retry-After` asks for, clamped, never earlier and at most 20 % later; undefined for junk. */
export function retryAfterDelayMs(
  value: string | undefined,
  limits: RetryAfterLimits,
  nowMs: number,
  random: number,
): number | undefined {
  const asked = parseRetryAfter((value ?? "").trim(), nowMs);
  if (asked === undefined) return undefined;
  const clamped = Math.min(Math.max(asked, limits.retryAfterMinMs), limits.retryAfterMaxMs);
  // Half of the allowed lateness: the rest is for the way through the bus.
  return Math.round(clamped * (1 + (JITTER / 2) * random));
}
