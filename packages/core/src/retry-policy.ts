/** Share of a delay by which it may differ, so that retries of many sessions do not arrive together. */
const JITTER = 0.2;

/** The three forms of an HTTP date, by their outline: Date.parse alone takes almost anything for a date. */
const HTTP_DATE =
  /^[A-Z][a-z]{2,8}(?:, \d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d GMT| [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})$/;

export interface BackoffLimits {
  queueBackoffMs: number;
  queueBackoffMaxMs: number;
}

export interface RetryAfterLimits {
  retryAfterMinMs: number;
  retryAfterMaxMs: number;
}

/** Delay in ms before the attempt that follows `failedAttempts` failed ones: doubles each time, ±20 %, capped. */
export function backoffDelayMs(failedAttempts: number, limits: BackoffLimits, random: number): number {
  const doubled = limits.queueBackoffMs * 2 ** Math.min(failedAttempts - 1, 50);
  const delayMs = Math.min(doubled, limits.queueBackoffMaxMs);
  return Math.min(Math.round(delayMs * (1 - JITTER + 2 * JITTER * random)), limits.queueBackoffMaxMs);
}

function parseRetryAfter(value: string, nowMs: number): number | undefined {
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1_000;
  if (!HTTP_DATE.test(value)) return undefined;
  // The oldest form names no zone, and Date.parse would take it for the local one.
  const atMs = Date.parse(value.endsWith("GMT") ? value : `${value} GMT`);
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
