import { MESSAGE_COLUMNS, toChatMessage, type MessageRow } from "./message-row.ts";
import type { ChatMessage } from "@chat-relay/core/message";
import type { Query } from "./database.ts";

/** A work token that the caller publishes once its transaction has committed. */
export interface Announcement {
  message: ChatMessage;
  epoch: number;
}

// A session under way keeps its head until it is settled. The caller holds the sessions' row locks, so this statement's
// snapshot is of what those locks protect.
const ADVANCE_HEAD = {
  name: "advance-head",
  text: `
    WITH free AS (
      SELECT id, head_id FROM chat_session
      WHERE id = ANY($1::uuid[]) AND (lease_until IS NULL OR lease_until <= now())
    ), next AS (
      SELECT free.id AS session_id, free.head_id, first.message_id, first.due_at
      FROM free LEFT JOIN LATERAL (
        SELECT message_id, due_at FROM chat_webhook_queue
        WHERE session_id = free.id AND status IN ('queued', 'delivering')
        ORDER BY sequence LIMIT 1
      ) first ON true
    ), session AS (
      UPDATE chat_session s SET head_id = next.message_id, head_due_at = next.due_at
      FROM next WHERE s.id = next.session_id
    ), announced AS (
      UPDATE chat_webhook_queue q
      SET epoch = q.epoch + 1, announced_at = now(), published_at = NULL, published_seq = NULL
      FROM next WHERE q.message_id = next.message_id AND next.message_id IS DISTINCT FROM next.head_id
      RETURNING q.message_id, q.epoch, q.status, q.answered_at
    )
    SELECT q.epoch, ${MESSAGE_COLUMNS} FROM announced q JOIN chat_message m ON m.id = q.message_id`,
};

/** Gives each session that is not under way its earliest unsettled delivery as head; a new head gets a work token. */
export async function advanceHeads(query: Query, sessionIds: string[]): Promise<Announcement[]> {
  const rows = await query<MessageRow & { epoch: number }>(ADVANCE_HEAD, [sessionIds]);
  return rows.map((row) => ({ message: toChatMessage(row), epoch: row.epoch }));
}
