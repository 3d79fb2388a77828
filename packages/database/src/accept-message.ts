import type { ChatMessage, MessageType } from "@chat-relay/core/message";
import type { Metadata } from "@chat-relay/core/metadata";
import type { SessionChange } from "@chat-relay/core/session-events";
import { countLimit, LIMIT_COLUMN_TYPES, type CountedColumns } from "./count-limit.ts";
import type { Database } from "./database.ts";
import { CALL_COLUMNS, CALLS_OF_FREE_SESSIONS } from "./grouped-calls.ts";
import type { RateLimiter, RateLimitResult } from "./rate-limiter.ts";

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

/** How a send was taken; `limit` is missing where nothing is limited. */
export type Acceptance =
  /** `epoch` of the work token to publish, or null while an earlier message of the session is under way. */
  | {
      kind: "accepted";
      message: ChatMessage;
      epoch: number | null;
      change: SessionChange;
      limit: RateLimitResult | undefined;
    }
  | { kind: "session_over" }
  /** Another send with this idempotency key was first. It took nothing from the limit. */
  | { kind: "duplicate_key" }
  | { kind: "limited"; limit: RateLimitResult };

// The row lock on the session gives the order, and everything here is seen as it is under that lock: so it is certain
// whether this message is the head, and whether its key is new.
export const ACCEPT_MESSAGE = {
  name: "accept-message",
  text: `
    WITH given AS MATERIALIZED (
      SELECT * FROM json_to_recordset($1) AS given (n int, session_id uuid, id uuid, content text, message_type text,
        metadata jsonb, idempotency_key text, callback_url text, session_ttl_ms float8, ${LIMIT_COLUMN_TYPES})
    ), asked AS MATERIALIZED (
      SELECT given.*, s.version, s.ended_at IS NULL AND s.expires_at > now() AS is_open,
        earlier.id IS NOT NULL AS is_repeat
      FROM ${CALLS_OF_FREE_SESSIONS} LEFT JOIN LATERAL (
        SELECT m.id FROM chat_message m
        WHERE m.session_id = given.session_id AND m.idempotency_key = given.idempotency_key LIMIT 1
      ) earlier ON true
    ), ${countLimit("is_open AND NOT is_repeat")}, session AS (
      UPDATE chat_session s
      SET next_sequence = s.next_sequence + 1,
          head_due_at = CASE WHEN s.head_id IS NULL THEN now() ELSE s.head_due_at END,
          head_id = COALESCE(s.head_id, a.id),
          expires_at = now() + a.session_ttl_ms * interval '1 millisecond'
      FROM counted a WHERE s.ctid = a.version AND a.is_admitted
      RETURNING a.*, s.next_sequence - 1 AS sequence, s.head_id = a.id AS is_head, s.next_status - 1 AS last_status
    ), message AS (
      INSERT INTO chat_message (id, session_id, sequence, role, content, message_type, metadata, idempotency_key, created_at)
      SELECT id, session_id, sequence, 'user', content, message_type, metadata, idempotency_key, now()
      FROM session
    ), ledger AS (
      INSERT INTO chat_webhook_queue
        (message_id, session_id, sequence, status, callback_url, created_at, due_at, epoch, announced_at)
      SELECT id, session_id, sequence, 'queued', callback_url, now(), now(), is_head::int, CASE WHEN is_head THEN now() END
      FROM session
    )
    SELECT ${CALL_COLUMNS}, COALESCE(asked.is_open AND asked.is_repeat, false) AS is_repeat, asked.taken AS limit_taken, asked.ms_left AS limit_ms_left,
      session.sequence, session.is_head, session.last_status, now()::timestamptz(3) AS created_at
    FROM given LEFT JOIN counted asked USING (n) LEFT JOIN session USING (n)`,
};

/** Of one send; `sequence` and what follows are null when it was not accepted. */
interface AcceptedRow extends CountedColumns {
  is_repeat: boolean;
  sequence: number | null;
  is_head: boolean;
  last_status: number;
  created_at: string;
}

function toMessage(message: NewMessage, sequence: number, createdAt: string): ChatMessage {
  const { id, sessionId, content, messageType, metadata } = message;
  const fixed = { role: "user", status: "queued", replyTo: null } as const;
  return { id, sessionId, sequence, content, messageType, metadata, createdAt, ...fixed };
}

function toChange(message: ChatMessage, status: number): SessionChange {
  const { sessionId, sequence } = message;
  return {
    sessionId,
    after: { sequence: sequence - 1, status },
    events: [{ type: "message", position: { sequence, status }, data: message }],
  };
}

/**
 * Commits a visitor's message with its place in the session and its row in the outbox, and counts it against the session's
 * limit. Sends that come at the same time share one statement and one commit.
 */
export async function acceptMessage(
  database: Pick<Database, "together">,
  given: NewMessage,
  limiter?: RateLimiter,
): Promise<Acceptance> {
  const row = await database.together<AcceptedRow>(ACCEPT_MESSAGE, {
    session_id: given.sessionId,
    id: given.id,
    content: given.content,
    message_type: given.messageType,
    metadata: given.metadata,
    idempotency_key: given.idempotencyKey,
    callback_url: given.callbackUrl,
    session_ttl_ms: given.sessionTtlMs,
    ...limiter?.columns(given.sessionId),
  });
  if (row.is_repeat) return { kind: "duplicate_key" };
  const limit = limiter?.counted(row);
  if (row.sequence === null) return limit?.allowed === false ? { kind: "limited", limit } : { kind: "session_over" };
  const message = toMessage(given, row.sequence, row.created_at);
  const change = toChange(message, row.last_status);
  return { kind: "accepted", message, epoch: row.is_head ? 1 : null, change, limit };
}
