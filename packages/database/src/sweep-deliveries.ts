import type { Announcement } from "./advance-head.ts";
import type { Database } from "./database.ts";
import { MESSAGE_COLUMNS, toChatMessage, type MessageRow } from "./message-row.ts";
import { TELL_STATUS } from "./tell-status.ts";

/** What the bus says of its stream and consumer: tells a token that waits its turn from one that was lost. */
export interface TokenHorizon {
  /** Events that the consumer was not yet handed. */
  pending: number;
  firstSequence: number;
  lastSequence: number;
  /** The consumer was handed everything up to here at least once. */
  deliveredSequence: number;
}

export interface SweepOptions {
  /** Tokens unpublished for so long were missed by the process that should have published them. */
  unpublishedAfterMs: number;
  /** Published tokens whose message is idle for so long, though nothing on the bus waits for its turn, are lost. */
  lostAfterMs: number;
  /** Undefined while the bus is away, or n8n: then only unpublished tokens are looked for. */
  horizon: TokenHorizon | undefined;
  limit: number;
}

// A token waits its turn only where its place in the stream is still ahead of the consumer; a store that was wiped, or
// put back to an older state, has no such place, or nothing pending. Without a horizon $3 is null.
// An unpublished token keeps its epoch, so that the bus drops it should it be there after all; a lost one gets a new one.
const SWEEP = {
  name: "sweep-deliveries",
  text: `
    WITH due AS (
      SELECT q.message_id, q.published_at IS NOT NULL AS lost
      FROM chat_webhook_queue q JOIN chat_session s ON s.id = q.session_id
      WHERE q.status IN ('queued', 'delivering')
        AND q.announced_at < now() - $1 * interval '1 millisecond'
        AND s.head_id = q.message_id
        AND (s.lease_until IS NULL OR s.lease_until <= now())
        AND (q.published_at IS NULL
          OR (GREATEST(q.published_at, s.head_due_at, s.lease_until) < now() - $2 * interval '1 millisecond'
              AND $3::bigint IS NOT NULL
              AND ($3::bigint = 0 OR q.published_seq IS NULL OR q.published_seq <= $4::bigint
                   OR q.published_seq < $5::bigint OR q.published_seq > $6::bigint)))
      ORDER BY q.announced_at LIMIT $7
      FOR UPDATE OF q SKIP LOCKED
    ), announced AS (
      UPDATE chat_webhook_queue q
      SET epoch = q.epoch + due.lost::int, announced_at = now(), published_at = NULL, published_seq = NULL
      FROM due WHERE q.message_id = due.message_id
      RETURNING q.message_id, q.epoch, q.status, q.answered_at
    )
    SELECT q.epoch, ${MESSAGE_COLUMNS} FROM announced q JOIN chat_message m ON m.id = q.message_id`,
};

// The session's row first, as everywhere: taken in another order, this and a reply could wait for each other.
const EXPIRE_REPLIES = {
  name: "expire-replies",
  text: `
    WITH due AS (
      SELECT q.message_id FROM chat_webhook_queue q JOIN chat_session s ON s.id = q.session_id
      WHERE q.status = 'delivered' AND q.delivered_at < now() - $1 * interval '1 millisecond'
      ORDER BY q.delivered_at LIMIT $2 FOR UPDATE OF s SKIP LOCKED
    ), changed AS (
      UPDATE chat_webhook_queue q SET status = 'unanswered'
      FROM due WHERE q.message_id = due.message_id AND q.status = 'delivered'
      RETURNING q.session_id, q.message_id, q.status, q.attempts
    ), ${TELL_STATUS}
    SELECT session_id FROM changed`,
};

/** Finds heads whose work token never reached the bus or was lost there, and readies a token for each to be published. */
export async function sweepDeliveries(
  database: Pick<Database, "query">,
  options: SweepOptions,
): Promise<Announcement[]> {
  const { unpublishedAfterMs, lostAfterMs, horizon, limit } = options;
  const rows = await database.query<MessageRow & { epoch: number }>(SWEEP, [
    unpublishedAfterMs,
    lostAfterMs,
    horizon?.pending ?? null,
    horizon?.deliveredSequence ?? null,
    horizon?.firstSequence ?? null,
    horizon?.lastSequence ?? null,
    limit,
  ]);
  return rows.map((row) => ({ message: toChatMessage(row), epoch: row.epoch }));
}

/** Delivered messages without a reply for `replyTimeoutMs` become `unanswered`. Returns the session of each. */
export async function expireReplies(database: Database, replyTimeoutMs: number, limit: number): Promise<string[]> {
  const rows = await database.query<{ session_id: string }>(EXPIRE_REPLIES, [replyTimeoutMs, limit]);
  return rows.map((row) => row.session_id);
}
