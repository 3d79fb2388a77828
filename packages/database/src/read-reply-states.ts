import type { Database } from "./database.ts";

/** What is known of the replies to a message. */
export interface ReplyState {
  messageId: string;
  /** Attempts that were begun, the last of which may be under way. */
  attempts: number;
  isUnderWay: boolean;
  /** The last of its replies that is stored; 0 when there is none. */
  lastReplySequence: number;
}

const REPLY_STATES = {
  name: "reply-states",
  text: `
    SELECT q.message_id, q.attempts, q.status = 'delivering' AS is_under_way,
      COALESCE((SELECT max(m.sequence) FROM chat_message m
        WHERE m.session_id = q.session_id AND m.sequence > q.sequence AND m.reply_to = q.message_id), 0) AS last_reply_sequence
    FROM chat_webhook_queue q WHERE q.message_id = ANY($1::uuid[])`,
};

interface ReplyStateRow {
  message_id: string;
  attempts: number;
  is_under_way: boolean;
  last_reply_sequence: number;
}

/** How far the replies to each of the messages have come. */
export async function readReplyStates(database: Database, messageIds: string[]): Promise<ReplyState[]> {
  const rows = await database.query<ReplyStateRow>(REPLY_STATES, [messageIds]);
  return rows.map((row) => ({
    messageId: row.message_id,
    attempts: row.attempts,
    isUnderWay: row.is_under_way,
    lastReplySequence: row.last_reply_sequence,
  }));
}
