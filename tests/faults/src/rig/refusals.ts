import type { Load } from "./load.ts";

/** Answers to visitors that are neither a yes nor a "not now": 503 with Retry-After, after which they come again. */
export function refusals({ seen }: Pick<Load, "seen">): string[] {
  return seen.flatMap(({ status, retryAfter }) => {
    const isNotNow = status === 503 && Number(retryAfter) > 0;
    return status < 400 || isNotNow ? [] : [`${status} with retry-after ${retryAfter}`];
  });
}
