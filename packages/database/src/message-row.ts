import type { ChatMessage, DeliveryStatus, MessageType } from "@chat-relay/core/message";
import type { Metadata } from "@chat-relay/core/metadata";

/** A message joined with its delivery, as `MESSAGE_COLUMNS` reads it. */
export interface MessageRow {
  id: string;
  session_id: string;
  sequence: number;
  role: "user" | "assistant";
  content: string;
  message_type: MessageType;
  metadata: Metadata;
  reply_to: string | null;
  created_at: string;
  /** Null for a reply. */
  delivery_status: DeliveryStatus | null;
  answered: boolean;
}

/** For `FROM chat_message m LEFT JOIN chat_webhook_queue q ON q.message_id = m.id`. */
export const MESSAGE_COLUMNS = `m.id, m.session_id, m.sequence, m.role, m.content, m.message_type, m.metadata, m.reply_to,
  m.created_at, q.status AS delivery_status, q.answered_at IS NOT NULL AS answered`;

function visitorStatus(row: MessageRow): ChatMessage["status"] {
  if (row.delivery_status === null) return "received";
  // A callback may overtake the webhook's own response: the visitor has the answer already.
  if (row.answered) return "answered";
  return row.delivery_status === "delivering" ? "queued" : row.delivery_status;
}

/** The message as the API and the events show it. */
export function toChatMessage(row: MessageRow): ChatMessage {
  return {
    id: row.id,
    sessionId: row.session_id,
    sequence: row.sequence,
    role: row.role,
    content: row.content,
    messageType: row.message_type,
    metadata: row.metadata,
    status: visitorStatus(row),
    replyTo: row.reply_to,
    createdAt: row.created_at,
  };
}
