import type { ChatMessage, MessageType } from "@chat-relay/core/message";
import type { Metadata } from "@chat-relay/core/metadata";
import type { SessionChange } from "@chat-relay/core/session-events";
import { violatedConstraint, type Database } from "./database.ts";

export interface NewMessage {
  id: string;
  sessionId: string;
  content: string;
  messageType: MessageType;
  metadata: Metadata;
  idempotencyKey: string | null;
  callbackUrl: string;
  /** Inactivity timeout that this message renews. */
  sessionTtlMs: number;
}

export type Acceptance =
  /** `epoch` of the work token to publish, or null while an earlier message of the session is under way. */
  | { kind: "accepted"; message: ChatMessage; epoch: number | null; change: SessionChange }
  | { kind: "session_over" }
  /** Another send with this idempotency key was first. */
  | { kind: "duplicate_key" };

// One statement, one commit. The row lock that UPDATE takes gives the order of the session; RETURNING sees the row as
// it is under that lock, so it is certain whether this message is the head.
const ACCEPT_MESSAGE = {
  name: "accept-message",
  text: `
    WITH session AS (
      UPDATE chat_session
      SET next_sequence = next_sequence + 1,
          head_due_at = CASE WHEN head_id IS NULL THEN now() ELSE head_due_at END,
          head_id = COALESCE(head_id, $2::uuid),
          expires_at = now() + $8 * interval '1 millisecond'
      WHERE id = $1 AND ended_at IS NULL AND expires_at > now()
      RETURNING next_sequence - 1 AS sequence, head_id = $2::uuid AS is_head, next_status - 1 AS last_status
    ), message AS (
      INSERT INTO chat_message (id, session_id, sequence, role, content, message_type, metadata, idempotency_key, created_at)
      SELECT $2::uuid, $1::uuid, sequence, 'user', $3, $4, $5::jsonb, $6, now() FROM session
    )
    INSERT INTO chat_webhook_queue
      (message_id, session_id, sequence, status, callback_url, created_at, due_at, epoch, announced_at)
    SELECT $2::uuid, $1::uuid, sequence, 'queued', $7, now(), now(),
      CASE WHEN is_head THEN 1 ELSE 0 END, CASE WHEN is_head THEN now() END
    FROM session
    RETURNING sequence, created_at, epoch, (SELECT last_status FROM session)`,
};

interface AcceptedRow {
  sequence: number;
  created_at: string;
  epoch: number;
  last_status: number;
}

function toMessage(message: NewMessage, row: AcceptedRow): ChatMessage {
  const { id, sessionId, content, messageType, metadata } = message;
  const fixed = { role: "user", status: "queued", replyTo: null } as const;
  return { id, sessionId, sequence: row.sequence, content, messageType, metadata, createdAt: row.created_at, ...fixed };
}

function accepted(message: ChatMessage, row: AcceptedRow): Acceptance {
  const { sessionId, sequence } = message;
  const status = row.last_status;
  const change: SessionChange = {
    sessionId,
    after: { sequence: sequence - 1, status },
    events: [{ type: "message", position: { sequence, status }, data: message }],
  };
  return { kind: "accepted", message, epoch: row.epoch === 0 ? null : row.epoch, change };
}

/** Commits a visitor's message with its place in the session and its row in the outbox. */
export async function acceptMessage(database: Database, message: NewMessage): Promise<Acceptance> {
  const { id, sessionId, content, messageType, metadata, idempotencyKey, callbackUrl, sessionTtlMs } = message;
  const values = [
    sessionId,
    id,
    content,
    messageType,
    JSON.stringify(metadata),
    idempotencyKey,
    callbackUrl,
    sessionTtlMs,
  ];
  try {
    const [row] = await database.query<AcceptedRow>(ACCEPT_MESSAGE, values);
    if (row === undefined) return { kind: "session_over" };
    return accepted(toMessage(message, row), row);
  } catch (error) {
    if (violatedConstraint(error) === "chat_message_idempotency_key_unique") return { kind: "duplicate_key" };
    throw error;
  }
}
