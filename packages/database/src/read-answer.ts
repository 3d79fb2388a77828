import type { DeliveryStatus } from "@chat-relay/core/message";
import type { Database } from "./database.ts";

/** What has come of a visitor's message. */
export interface Answer {
  status: DeliveryStatus;
  /** The texts of its replies, in their order. */
  replies: string[];
}

const ANSWER = {
  name: "answer",
  text: `
    SELECT q.status, m.content
    FROM chat_webhook_queue q LEFT JOIN chat_message m
      ON m.session_id = q.session_id AND m.sequence > q.sequence AND m.reply_to = q.message_id
    WHERE q.message_id = $1 ORDER BY m.sequence LIMIT $2`,
};

interface AnswerRow {
  status: DeliveryStatus;
  /** Null in the one row of a message without a reply. */
  content: string | null;
}

/** How far a message has come, with at most `limit` of its replies. */
export async function readAnswer(database: Database, messageId: string, limit: number): Promise<Answer> {
  const rows = await database.query<AnswerRow>(ANSWER, [messageId, limit]);
  const [first] = rows;
  if (first === undefined) throw new Error("a message that was accepted is not in the ledger");
  return { status: first.status, replies: rows.flatMap(({ content }) => (content === null ? [] : [content])) };
}
