import type { ChatMessage } from "@chat-relay/core/message";
import type { Database } from "./database.ts";
import { MESSAGE_COLUMNS, toChatMessage, type MessageRow } from "./message-row.ts";

/** A work token that the bus has taken, and where in the stream it lies. */
export interface PublishedToken {
  messageId: string;
  epoch: number;
  streamSequence: number;
}

// A token that was claimed in the meantime needs no mark: the claim has set it. One that is just being claimed is not waited
// for, since two that lock many rows, each in its own order, could wait for each other.
const MARK_TOKENS = {
  name: "outbox-mark-tokens",
  text: `
    WITH unmarked AS (
      SELECT q.message_id, given.seq
      FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS given (id, epoch, seq)
        JOIN chat_webhook_queue q ON q.message_id = given.id
      WHERE q.epoch = given.epoch AND q.published_at IS NULL AND q.status = 'queued'
      FOR NO KEY UPDATE OF q SKIP LOCKED
    )
    UPDATE chat_webhook_queue q SET published_at = now(), published_seq = unmarked.seq
    FROM unmarked WHERE q.message_id = unmarked.message_id`,
};

const REMOVE_REPLIES = {
  name: "outbox-remove-replies",
  text: "DELETE FROM chat_reply_outbox WHERE message_id = ANY($1::uuid[])",
};

const COUNT = {
  name: "outbox-count",
  text: `
    SELECT (SELECT count(*) FROM (
              SELECT 1 FROM chat_webhook_queue WHERE published_at IS NULL AND status = 'queued' AND ($2 OR announced_at IS NOT NULL) LIMIT $1) tokens)
         + (SELECT count(*) FROM (SELECT 1 FROM chat_reply_outbox LIMIT $1) replies) AS unpublished`,
};

// SKIP LOCKED and the moved time keep two sweeps from publishing the same rows.
const TAKE_REPLIES = {
  name: "outbox-take-replies",
  text: `
    WITH due AS (
      SELECT message_id FROM chat_reply_outbox
      WHERE tried_at < now() - $1 * interval '1 millisecond'
      ORDER BY tried_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), tried AS (
      UPDATE chat_reply_outbox o SET tried_at = now() FROM due WHERE o.message_id = due.message_id RETURNING o.message_id
    )
    SELECT ${MESSAGE_COLUMNS}
    FROM tried JOIN chat_message m ON m.id = tried.message_id LEFT JOIN chat_webhook_queue q ON q.message_id = m.id
    ORDER BY m.session_id, m.sequence`,
};

/** Marks work tokens as being on the bus. */
export async function markTokensPublished(database: Database, tokens: PublishedToken[]): Promise<void> {
  const ids = tokens.map((token) => token.messageId);
  const epochs = tokens.map((token) => token.epoch);
  const sequences = tokens.map((token) => token.streamSequence);
  await database.query(MARK_TOKENS, [ids, epochs, sequences]);
}

/** Takes replies out of the outbox: their events are on the bus. */
export async function markRepliesPublished(database: Database, messageIds: string[]): Promise<void> {
  await database.query(REMOVE_REPLIES, [messageIds]);
}

/** Replies that have waited in the outbox for `ageMs` and more, in each session's order. */
export async function takeUnpublishedReplies(database: Database, ageMs: number, limit: number): Promise<ChatMessage[]> {
  return (await database.query<MessageRow>(TAKE_REPLIES, [ageMs, limit])).map(toChatMessage);
}

/**
 * Messages and replies that should be on the bus and are not known to be, counted up to `limit` of each. While the bus is
 * away, messages that wait behind another of their session count too: they pile up for the same reason.
 */
export async function countUnpublished(database: Database, limit: number, busAway: boolean): Promise<number> {
  const [row] = await database.query<{ unpublished: number }>(COUNT, [limit, busAway]);
  return row?.unpublished ?? 0;
}
