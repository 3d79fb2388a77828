import type { Seen } from "./load.ts";
import { mustHold } from "./violation.ts";

/** What must hold of every answer that is no success, by the name that reports use. */
export const REFUSED_WELL =
  "what cannot be taken now is refused with 503, or 429 where limits are on, Retry-After and a problem document";

/** Codes of connections that broke, and of those that nobody took: what a process leaves that was killed or stopped. */
const BROKEN: ReadonlySet<string> = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** The answers of a load or a bot. */
export interface Answers {
  readonly seen: readonly Seen[];
}

function isFine({ status, retryAfter, isProblem, lost }: Seen, isLimited: boolean): boolean {
  if (status === 0) return BROKEN.has(lost ?? "");
  if (status >= 200 && status < 300) return true;
  const isNotNow = status === 503 || (isLimited && status === 429);
  return isNotNow && Number(retryAfter) > 0 && isProblem;
}

function inWords({ status, retryAfter, isProblem, lost }: Seen): string {
  if (status === 0) return `not at all: ${lost}`;
  return `${status} with retry-after ${retryAfter}${isProblem ? "" : " and no problem document"}`;
}

/**
 * Answers that are neither a yes nor a "not now", after which a client comes again. None at all is one too, unless the
 * connection broke: who is not answered in time was not refused.
 */
export function refusals({ seen }: Answers, isLimited = false): string[] {
  return seen.filter((one) => !isFine(one, isLimited)).map(inWords);
}

/** A case as far as its answers tell. */
export interface Answered {
  world: { env: Readonly<Record<string, string>> };
  load: Answers;
  bot: Answers;
}

/** Looks at all answers of a case: its load and its bot repeat whatever is refused, and would get by with any refusal. */
export function checkRefusals({ world, load, bot }: Answered): void {
  const isLimited = world.env["CHAT_RATE_LIMIT_DISABLED"] !== "true";
  mustHold(REFUSED_WELL, [
    ...refusals(load, isLimited).map((what) => `a visitor was answered ${what}`),
    ...refusals(bot, isLimited).map((what) => `a workflow was answered ${what}`),
  ]);
}
