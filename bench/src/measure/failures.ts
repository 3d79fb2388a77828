import type { Audience } from "../load/audience.ts";
import type { StubStats } from "../stub-n8n/stub-n8n.ts";

/** What n8n saw that it must not see; `answered` messages are all that it should have received. */
export function stubFailures(stats: StubStats, answered: number): string[] {
  const { forged, repeated, outOfOrder, callbacksFailed, received } = stats;
  const counts = { forged, repeated, outOfOrder, callbacksFailed };
  const failures = Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : [`n8n: ${name} ${count}`]));
  if (received !== answered) failures.push(`n8n received ${received}, answered were ${answered}`);
  return failures;
}

/** What is not in the database, or twice: each of so many answered messages, and its reply. */
export function storeFailures(stored: number, answered: number): string[] {
  return stored === 2 * answered ? [] : [`${stored} messages and replies are stored, answered were ${answered}`];
}

/** Replies that visitors saw and should not have seen. */
export function strayFailures({ visitors }: Audience): string[] {
  const stray = visitors.reduce((sum, { strayReplies }) => sum + strayReplies, 0);
  return stray === 0 ? [] : [`${stray} replies came twice or to nothing`];
}
