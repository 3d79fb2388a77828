import type { DeliveryStatus } from "@chat-relay/core/message";
import type { Database } from "./database.ts";

export type BreakerState = "closed" | "open" | "half_open";

/** The queue as operators see it. */
export interface QueueSummary {
  messages: Record<DeliveryStatus, number>;
  oldestQueuedAgeMs: number | null;
  breaker: BreakerState;
}

const COUNTS = {
  name: "queue-counts",
  text: "SELECT status, count(*) AS count FROM chat_webhook_queue GROUP BY status",
};

const OLDEST = {
  name: "queue-oldest",
  text: `
    SELECT (extract(epoch FROM now() - min(created_at)) * 1000)::bigint AS "ageMs"
    FROM chat_webhook_queue WHERE status IN ('queued', 'delivering')`,
};

// Dispatchers that were not seen for a minute are gone. One that cannot reach n8n is enough to say so.
const BREAKER = {
  name: "queue-breaker",
  text: `
    SELECT breaker FROM chat_dispatcher WHERE seen_at > now() - interval '1 minute'
    ORDER BY array_position(ARRAY['open', 'half_open', 'closed'], breaker) LIMIT 1`,
};

const REPORT = {
  name: "dispatcher-report",
  text: `
    WITH gone AS (DELETE FROM chat_dispatcher WHERE seen_at < now() - interval '1 hour')
    INSERT INTO chat_dispatcher (id, breaker, seen_at) VALUES ($1, $2, now())
    ON CONFLICT (id) DO UPDATE SET breaker = excluded.breaker, seen_at = excluded.seen_at`,
};

const LEAVE = { name: "dispatcher-leave", text: "DELETE FROM chat_dispatcher WHERE id = $1" };

const NONE: Record<DeliveryStatus, number> = {
  queued: 0,
  delivering: 0,
  delivered: 0,
  answered: 0,
  unanswered: 0,
  failed: 0,
};

/** Counts by status, the age of the oldest waiting message, and the worst breaker of the dispatchers that run. */
export async function readQueue(database: Database): Promise<QueueSummary> {
  const counts = await database.query<{ status: DeliveryStatus; count: number }>(COUNTS, []);
  const [oldest] = await database.query<{ ageMs: number | null }>(OLDEST, []);
  const [worst] = await database.query<{ breaker: BreakerState }>(BREAKER, []);
  const messages = { ...NONE, ...Object.fromEntries(counts.map((row) => [row.status, row.count])) };
  return { messages, oldestQueuedAgeMs: oldest?.ageMs ?? null, breaker: worst?.breaker ?? "closed" };
}

/** A dispatcher says that it lives and what it thinks of n8n. */
export async function reportDispatcher(database: Database, id: string, breaker: BreakerState): Promise<void> {
  await database.query(REPORT, [id, breaker]);
}

/** A dispatcher that stops takes its word back. */
export async function removeDispatcher(database: Database, id: string): Promise<void> {
  await database.query(LEAVE, [id]);
}
