import { isId } from "@chat-relay/core/ids";
import type { ChatMessage, DeliveryStatus, MessageType } from "@chat-relay/core/message";
import type { Metadata } from "@chat-relay/core/metadata";
import type { Position, SessionChange, SessionEvent } from "@chat-relay/core/session-events";
import { advanceHeads, type Announcement } from "./advance-head.ts";
import { countLimit, LIMIT_COLUMN_TYPES, type CountedColumns } from "./count-limit.ts";
import { violatedConstraint, type Database } from "./database.ts";
import { CALL_COLUMNS, CALLS_OF_FREE_SESSIONS } from "./grouped-calls.ts";
import type { RateLimiter, RateLimitResult } from "./rate-limiter.ts";

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

/** `limit`: how the session's limit stands; undefined where nothing was counted. */
export type RecordReplyResult =
  | (RecordedOrNot & { limit?: RateLimitResult | undefined })
  | { kind: "limited"; limit: RateLimitResult };

type RecordedOrNot =
  /** `announcements`: the session's next head, when the message replied to held it up. */
  | {
      kind: "recorded";
      message: ChatMessage;
      announcements: Announcement[];
      change: SessionChange;
    }
  /** It took nothing from the limit. */
  | { kind: "duplicate"; reply: RecordedReply }
  | { kind: "session_not_found" }
  | { kind: "reply_to_not_found" }
  /** `replyTo` is of another session, or not a visitor's message. */
  | { kind: "reply_to_conflict" };

// An expired or ended session still takes the reply. The message replied to is answered now, unless its webhook is still
// under way: then whoever settles it sees `answered_at`. Its visitor is told so with the first of several replies.
export const RECORD_REPLY = {
  name: "record-reply",
  text: `
    WITH given AS MATERIALIZED (
      SELECT * FROM json_to_recordset($1) AS given (n int, session_id uuid, id uuid, reply_to uuid, content text,
        message_type text, metadata jsonb, reply_key text, ${LIMIT_COLUMN_TYPES})
    ), asked AS MATERIALIZED (
      SELECT given.*, s.version, earlier.id IS NULL AS is_new, earlier.id AS earlier_id, earlier.session_id AS earlier_session, earlier.sequence AS earlier_sequence,
        given.reply_to IS NULL OR COALESCE(asking.session_id = given.session_id, false) AS fits,
        asking.message_id IS NOT NULL AND asking.answered_at IS NULL AS is_told
      FROM ${CALLS_OF_FREE_SESSIONS}
        LEFT JOIN LATERAL (SELECT * FROM chat_message m WHERE m.reply_key = given.reply_key LIMIT 1) earlier ON true
        LEFT JOIN LATERAL (SELECT * FROM chat_webhook_queue q WHERE q.message_id = given.reply_to LIMIT 1) asking ON true
    ), ${countLimit("is_new")}, session AS (
      UPDATE chat_session s
      SET next_sequence = s.next_sequence + 1, next_status = s.next_status + a.is_told::int
      FROM counted a WHERE s.ctid = a.version AND a.is_admitted AND a.fits
      RETURNING a.*, s.next_sequence - 1 AS sequence, s.next_status - 1 AS last_status
    ), message AS (
      INSERT INTO chat_message (id, session_id, sequence, role, content, message_type, metadata, reply_to, reply_key, created_at)
      SELECT id, session_id, sequence, 'assistant', content, message_type, metadata, reply_to, reply_key, now()
      FROM session
      RETURNING id
    ), outbox AS (
      INSERT INTO chat_reply_outbox (message_id, tried_at) SELECT id, now() FROM message
    ), answered AS (
      UPDATE chat_webhook_queue q
      SET answered_at = COALESCE(q.answered_at, now()),
          status = CASE WHEN q.status IN ('delivered', 'unanswered', 'failed') THEN 'answered' ELSE q.status END
      FROM session a WHERE q.message_id = a.reply_to
      RETURNING a.*, q.status, q.attempts
    ), told AS (
      INSERT INTO chat_status_event (session_id, number, after_sequence, message_id, status, attempts)
      SELECT session_id, last_status, sequence, reply_to, 'answered', attempts FROM answered WHERE is_told
    )
    SELECT ${CALL_COLUMNS}, asked.earlier_id, asked.earlier_session, asked.earlier_sequence,
      asked.taken AS limit_taken, asked.ms_left AS limit_ms_left,
      session.sequence, session.last_status, now()::timestamptz(3) AS created_at, answered.status AS delivery_status,
      CASE WHEN answered.is_told THEN answered.attempts END AS told_attempts
    FROM given LEFT JOIN counted asked USING (n) LEFT JOIN session USING (n) LEFT JOIN answered USING (n)`,
};

// A new version of the row, not only its lock: who reads the session just now has to notice.
const TOUCH_SESSION = {
  name: "reply-touch-session",
  text: "UPDATE chat_session SET head_id = head_id WHERE id = $1",
};

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

async function refusal(database: Database, reply: NewReply): Promise<RecordedOrNot> {
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
    await query(TOUCH_SESSION, [sessionId]);
    await query(SETTLE_ANSWERED, [messageId]);
    return advanceHeads(query, [sessionId]);
  });
}

/** Of one reply; `sequence` and what follows are null when it was not recorded. */
interface ReplyRow extends CountedColumns {
  /** The reply that this callback recorded before; null when there is none. */
  earlier_id: string | null;
  earlier_session: string;
  earlier_sequence: number;
  sequence: number | null;
  last_status: number;
  created_at: string;
  delivery_status: DeliveryStatus | null;
  /** Null when the message replied to was answered before, or there is none. */
  told_attempts: number | null;
}

/** The reply as its session's followers see it, then that its message is answered. */
function toChange(message: ChatMessage, row: ReplyRow): SessionChange {
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

function toMessage(reply: NewReply, sequence: number, createdAt: string): ChatMessage {
  const { id, sessionId, replyTo, content, messageType, metadata } = reply;
  const fixed = { role: "assistant", status: "received" } as const;
  return { id, sessionId, replyTo, content, messageType, metadata, ...fixed, sequence, createdAt };
}

async function recorded(database: Database, message: ChatMessage, row: ReplyRow): Promise<RecordedOrNot> {
  const { replyTo, sessionId } = message;
  const heldUp = replyTo !== null && row.delivery_status === "queued";
  // The reply is committed: should this fail, the message is settled when its retry is due.
  const announcements = heldUp ? await settleAnswered(database, sessionId, replyTo).catch(() => []) : [];
  return { kind: "recorded", message, announcements, change: toChange(message, row) };
}

/** The window that a session's replies are counted in. */
export const replyLimitKey = (sessionId: string): string => `session:${sessionId}`;

async function record(
  database: Database,
  reply: NewReply,
  limiter: RateLimiter | undefined,
): Promise<RecordReplyResult> {
  const row = await database.together<ReplyRow>(RECORD_REPLY, {
    session_id: reply.sessionId,
    id: reply.id,
    reply_to: reply.replyTo,
    content: reply.content,
    message_type: reply.messageType,
    metadata: reply.metadata,
    reply_key: `callback:${reply.callbackId}`,
    ...limiter?.columns(replyLimitKey(reply.sessionId)),
  });
  if (row.earlier_id !== null) {
    const { earlier_id: messageId, earlier_session: sessionId, earlier_sequence: sequence } = row;
    return { kind: "duplicate", reply: { messageId, sessionId, sequence } };
  }
  const limit = limiter?.counted(row);
  if (row.sequence !== null) {
    return { ...(await recorded(database, toMessage(reply, row.sequence, row.created_at), row)), limit };
  }
  if (limit?.allowed === false) return { kind: "limited", limit };
  return { ...(await refusal(database, reply)), limit };
}

/**
 * Commits a reply that came by callback, once per `webhook-id`, and counts it against the session's limit. Replies that come
 * at the same time share one statement and one commit.
 */
export async function recordReply(
  database: Database,
  reply: NewReply,
  limiter?: RateLimiter,
): Promise<RecordReplyResult> {
  if (!isId(reply.sessionId) || (reply.replyTo !== null && !isId(reply.replyTo))) return refusal(database, reply);
  try {
    return await record(database, reply, limiter);
  } catch (error) {
    // Of another session, at the same time.
    if (violatedConstraint(error) === "chat_message_reply_key_unique") return refusal(database, reply);
    throw error;
  }
}
