import { isId } from "@chat-relay/core/ids";
import type { ChatMessage, DeliveryStatus, MessageType } from "@chat-relay/core/message";
import type { Metadata } from "@chat-relay/core/metadata";
import type { Position, SessionChange, SessionEvent } from "@chat-relay/core/session-events";
import { advanceHeads, type Announcement } from "./advance-head.ts";
import { violatedConstraint, type Database } from "./database.ts";

export interface NewReply {
  id: string;
  sessionId: string;
  replyTo: string | null;
  content: string;
  messageType: MessageType;
  metadata: Metadata;
  /** The sender's `webhook-id`: a second callback with it changes nothing. */
  callbackId: string;
}

export interface RecordedReply {
  messageId: string;
  sessionId: string;
  sequence: number;
}

export type RecordReplyResult =
  /** `announcements`: the session's next head, when the message replied to held it up. */
  | { kind: "recorded"; message: ChatMessage; announcements: Announcement[]; change: SessionChange }
  | { kind: "duplicate"; reply: RecordedReply }
  | { kind: "session_not_found" }
  | { kind: "reply_to_not_found" }
  /** `replyTo` is of another session, or not a visitor's message. */
  | { kind: "reply_to_conflict" };

// An expired or ended session still takes the reply. The message replied to is answered now, unless its webhook is still
// under way: then whoever settles it sees `answered_at`. Its visitor is told so with the first of several replies: which one
// that is shows only with the session's row locked, hence FOR UPDATE.
const RECORD_REPLY = {
  name: "record-reply",
  text: `
    WITH session AS (
      UPDATE chat_session
      SET next_sequence = next_sequence + 1,
          next_status = next_status + (
            SELECT count(*) FROM chat_webhook_queue WHERE message_id = $3::uuid AND answered_at IS NULL)
      WHERE id = $1 AND ($3::uuid IS NULL OR EXISTS (
        SELECT 1 FROM chat_message WHERE id = $3::uuid AND session_id = $1 AND role = 'user'))
      RETURNING next_sequence - 1 AS sequence, next_status - 1 AS last_status
    ), message AS (
      INSERT INTO chat_message (id, session_id, sequence, role, content, message_type, metadata, reply_to, reply_key, created_at)
      SELECT $2::uuid, $1::uuid, sequence, 'assistant', $4, $5, $6::jsonb, $3::uuid, 'callback:' || $7, now() FROM session
      RETURNING id, sequence, created_at
    ), outbox AS (
      INSERT INTO chat_reply_outbox (message_id, tried_at) SELECT id, now() FROM message
    ), unanswered AS (
      SELECT q.message_id FROM chat_webhook_queue q, session
      WHERE q.message_id = $3::uuid AND q.answered_at IS NULL FOR UPDATE OF q
    ), answered AS (
      UPDATE chat_webhook_queue q
      SET answered_at = COALESCE(answered_at, now()),
          status = CASE WHEN status IN ('delivered', 'unanswered', 'failed') THEN 'answered' ELSE status END
      FROM session LEFT JOIN unanswered u ON true WHERE q.message_id = $3::uuid
      RETURNING q.message_id, q.session_id, q.status, q.attempts, u.message_id IS NOT NULL AS is_first
    ), told AS (
      INSERT INTO chat_status_event (session_id, number, after_sequence, message_id, status, attempts)
      SELECT a.session_id, s.last_status, s.sequence, a.message_id, 'answered', a.attempts
      FROM answered a, session s WHERE a.is_first
      RETURNING attempts
    )
    SELECT message.sequence, created_at, last_status, (SELECT status FROM answered) AS delivery_status,
      (SELECT attempts FROM told) AS told_attempts
    FROM message, session`,
};

const LOCK_SESSION = { name: "reply-lock-session", text: "SELECT 1 FROM chat_session WHERE id = $1 FOR UPDATE" };

const SETTLE_ANSWERED = {
  name: "reply-settle-answered",
  text: `
    UPDATE chat_webhook_queue SET status = 'answered'
    WHERE message_id = $1 AND status = 'queued' AND answered_at IS NOT NULL`,
};

const BY_CALLBACK = {
  name: "reply-by-callback",
  text: `SELECT id AS "messageId", session_id AS "sessionId", sequence FROM chat_message WHERE reply_key = 'callback:' || $1`,
};

const WHY_NOT = {
  name: "record-reply-refused",
  text: `
    SELECT EXISTS (SELECT 1 FROM chat_session WHERE id = $1) AS session_exists,
           EXISTS (SELECT 1 FROM chat_message WHERE id = $2::uuid) AS reply_to_exists`,
};

/** The reply that an earlier callback with this `webhook-id` recorded. */
export async function findReplyByCallback(database: Database, callbackId: string): Promise<RecordedReply | undefined> {
  const [row] = await database.query<RecordedReply>(BY_CALLBACK, [callbackId]);
  return row;
}

async function refusal(database: Database, reply: NewReply): Promise<RecordReplyResult> {
  const earlier = await findReplyByCallback(database, reply.callbackId);
  if (earlier !== undefined) return { kind: "duplicate", reply: earlier };
  if (!isId(reply.sessionId)) return { kind: "session_not_found" };
  const replyTo = reply.replyTo !== null && isId(reply.replyTo) ? reply.replyTo : null;
  const [row] = await database.query<{ session_exists: boolean; reply_to_exists: boolean }>(WHY_NOT, [
    reply.sessionId,
    replyTo,
  ]);
  if (row?.session_exists !== true) return { kind: "session_not_found" };
  return { kind: row.reply_to_exists ? "reply_to_conflict" : "reply_to_not_found" };
}

/** A message that waited for its next attempt when its reply came waits no longer, nor does what is behind it. */
async function settleAnswered(database: Database, sessionId: string, messageId: string): Promise<Announcement[]> {
  return database.transaction(async (query) => {
    await query(LOCK_SESSION, [sessionId]);
    await query(SETTLE_ANSWERED, [messageId]);
    return advanceHeads(query, [sessionId]);
  });
}

interface InsertedRow {
  sequence: number;
  created_at: string;
  last_status: number;
  delivery_status: DeliveryStatus | null;
  /** Null when the message replied to was answered before, or there is none. */
  told_attempts: number | null;
}

interface Inserted {
  message: ChatMessage;
  deliveryStatus: DeliveryStatus | null;
  change: SessionChange;
}

/** The reply as its session's followers see it, then that its message is answered. */
function toChange(message: ChatMessage, row: InsertedRow): SessionChange {
  const { sessionId, sequence, replyTo } = message;
  const { last_status: status, told_attempts: attempts } = row;
  const before: Position = { sequence, status: attempts === null ? status : status - 1 };
  const events: SessionEvent[] = [{ type: "message", position: before, data: message }];
  if (replyTo !== null && attempts !== null) {
    const data = { messageId: replyTo, status: "answered", attempts } as const;
    events.push({ type: "status", position: { sequence, status }, data });
  }
  return { sessionId, after: { ...before, sequence: sequence - 1 }, events };
}

async function insert(database: Database, reply: NewReply): Promise<Inserted | undefined> {
  const { id, sessionId, replyTo, content, messageType, metadata, callbackId } = reply;
  const values = [sessionId, id, replyTo, content, messageType, JSON.stringify(metadata), callbackId];
  const [row] = await database.query<InsertedRow>(RECORD_REPLY, values);
  if (row === undefined) return undefined;
  const fixed = { role: "assistant", status: "received" } as const;
  const stored = { ...fixed, sequence: row.sequence, createdAt: row.created_at };
  const message = { id, sessionId, replyTo, content, messageType, metadata, ...stored };
  return { message, deliveryStatus: row.delivery_status, change: toChange(message, row) };
}

async function recorded(database: Database, { message, deliveryStatus, change }: Inserted): Promise<RecordReplyResult> {
  const { replyTo, sessionId } = message;
  const heldUp = replyTo !== null && deliveryStatus === "queued";
  // The reply is committed: should this fail, the message is settled when its retry is due.
  const announcements = heldUp ? await settleAnswered(database, sessionId, replyTo).catch(() => []) : [];
  return { kind: "recorded", message, announcements, change };
}

/** Commits a reply that came by callback, once per `webhook-id`. */
export async function recordReply(database: Database, reply: NewReply): Promise<RecordReplyResult> {
  if (!isId(reply.sessionId) || (reply.replyTo !== null && !isId(reply.replyTo))) return refusal(database, reply);
  try {
    const inserted = await insert(database, reply);
    return inserted === undefined ? await refusal(database, reply) : await recorded(database, inserted);
  } catch (error) {
    if (violatedConstraint(error) === "chat_message_reply_key_unique") return refusal(database, reply);
    throw error;
  }
}
