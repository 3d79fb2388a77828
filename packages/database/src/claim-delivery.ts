import type { DeliveryStatus, MessageType } from "@chat-relay/core/message";
import type { Metadata } from "@chat-relay/core/metadata";
import type { Position } from "@chat-relay/core/session-events";
import type { WebhookMessage } from "@chat-relay/core/webhook-body";
import type { Database } from "./database.ts";

/** A delivery that this process, and no other, may make now. */
export interface Claim {
  messageId: string;
  sessionId: string;
  /** Fencing token: settling works only while no one else has claimed since. */
  leaseToken: number;
  /** Number of this attempt, counted already. */
  attempt: number;
  /** Attempts of the present budget, this one included. */
  budgetUsed: number;
  /** A reply has come already: n8n has the message, and another call could only double the reply. */
  answered: boolean;
  /** Where the session stood: what a reader has of this attempt is newer. */
  position: Position;
  message: WebhookMessage;
}

export type ClaimResult =
  | {
      kind: "claimed";
      claim: Claim;
      /** An earlier attempt was found lost, and its visitor told so. */
      foundLost: boolean;
    }
  /** Settled, or it is not this message's turn: its token is no longer needed. */
  | { kind: "not_mine" }
  /** Another process has it, or its time has not come. */
  | { kind: "not_now"; retryInMs: number };

// The conditions are all on the session's row, so that its lock decides between two that claim at once. An attempt that
// was counted and never settled belonged to a process that died: it is logged here, and its visitor told. Whether there is
// one shows only with the session's row locked, hence FOR UPDATE: it may have been handed back while this waited.
const CLAIM = {
  name: "claim-delivery",
  text: `
    WITH session AS (
      UPDATE chat_session
      SET lease_token = lease_token + 1, lease_until = now() + $3 * interval '1 millisecond',
          next_status = next_status + (
            SELECT count(*) FROM chat_webhook_queue
            WHERE message_id = $2 AND status = 'delivering' AND attempts > 0 AND answered_at IS NULL)
      WHERE id = $1 AND head_id = $2 AND head_due_at <= now() AND (lease_until IS NULL OR lease_until <= now())
      RETURNING id, user_id, authenticated, metadata, created_at, lease_token,
        next_sequence - 1 AS last_sequence, next_status - 1 AS last_status
    ), unsettled AS (
      SELECT q.message_id, q.session_id, q.attempts, q.attempt_started_at, q.answered_at FROM chat_webhook_queue q, session
      WHERE q.message_id = $2 AND q.status = 'delivering' AND q.attempts > 0 FOR UPDATE OF q
    ), lost AS (
      INSERT INTO chat_delivery_attempt (message_id, number, started_at, duration_ms, error, outcome)
      SELECT q.message_id, q.attempts, q.attempt_started_at,
        LEAST(extract(epoch FROM now() - q.attempt_started_at) * 1000, 2147483647)::int, 'the dispatcher was lost during the call', 'retry'
      FROM unsettled q
      ON CONFLICT DO NOTHING
    ), told AS (
      INSERT INTO chat_status_event (session_id, number, after_sequence, message_id, status, attempts)
      SELECT q.session_id, s.last_status, s.last_sequence, q.message_id, 'queued', q.attempts
      FROM unsettled q, session s WHERE q.answered_at IS NULL
    )
    UPDATE chat_webhook_queue q
    SET status = 'delivering', attempts = q.attempts + 1, attempt_started_at = now(),
        published_at = COALESCE(published_at, now())
    FROM session s LEFT JOIN unsettled u ON true, chat_message m
    WHERE q.message_id = $2 AND m.id = $2
    RETURNING s.lease_token, q.attempts, q.attempts_base, q.callback_url, q.sequence,
      m.content, m.message_type, m.metadata, m.created_at, q.answered_at IS NOT NULL AS answered,
      s.user_id, s.authenticated, s.metadata AS session_metadata, s.created_at AS session_created_at,
      s.last_sequence, s.last_status, u.message_id IS NOT NULL AND u.answered_at IS NULL AS told`,
};

const WHY_NOT = {
  name: "claim-refused",
  text: `
    SELECT q.status, s.head_id = q.message_id AS is_head,
      GREATEST(extract(epoch FROM s.lease_until - now()), extract(epoch FROM s.head_due_at - now()), 0)::float8 * 1000 AS wait_ms
    FROM chat_webhook_queue q JOIN chat_session s ON s.id = q.session_id
    WHERE q.message_id = $1`,
};

interface ClaimRow {
  lease_token: number;
  attempts: number;
  attempts_base: number;
  answered: boolean;
  callback_url: string;
  sequence: number;
  content: string;
  message_type: MessageType;
  metadata: Metadata;
  created_at: string;
  user_id: string | null;
  authenticated: boolean;
  session_metadata: Metadata;
  session_created_at: string;
  last_sequence: number;
  last_status: number;
  told: boolean;
}

function toWebhookMessage(messageId: string, sessionId: string, row: ClaimRow): WebhookMessage {
  return {
    messageId,
    sequence: row.sequence,
    content: row.content,
    messageType: row.message_type,
    metadata: row.metadata,
    createdAt: row.created_at,
    callbackUrl: row.callback_url,
    session: {
      id: sessionId,
      userId: row.user_id,
      authenticated: row.authenticated,
      metadata: row.session_metadata,
      createdAt: row.session_created_at,
    },
  };
}

async function whyNot(database: Database, messageId: string): Promise<ClaimResult> {
  const [row] = await database.query<{ status: DeliveryStatus; is_head: boolean | null; wait_ms: number }>(WHY_NOT, [
    messageId,
  ]);
  const waiting = row !== undefined && row.is_head === true && (row.status === "queued" || row.status === "delivering");
  return waiting ? { kind: "not_now", retryInMs: Math.ceil(row.wait_ms) } : { kind: "not_mine" };
}

/** Claims a session's next delivery for `leaseMs` and counts the attempt, committed before the call is made. */
export async function claimDelivery(
  database: Database,
  ids: { messageId: string; sessionId: string },
  leaseMs: number,
): Promise<ClaimResult> {
  const { messageId, sessionId } = ids;
  const [row] = await database.query<ClaimRow>(CLAIM, [sessionId, messageId, leaseMs]);
  if (row === undefined) return whyNot(database, messageId);
  const claim = {
    messageId,
    sessionId,
    leaseToken: row.lease_token,
    attempt: row.attempts,
    budgetUsed: row.attempts - row.attempts_base,
    answered: row.answered,
    position: { sequence: row.last_sequence, status: row.last_status },
    message: toWebhookMessage(messageId, sessionId, row),
  };
  return { kind: "claimed", claim, foundLost: row.told };
}
