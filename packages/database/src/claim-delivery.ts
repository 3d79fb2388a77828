import type { DeliveryStatus, MessageType } from "@chat-relay/core/message";
import type { Metadata } from "@chat-relay/core/metadata";
import type { Position } from "@chat-relay/core/session-events";
import type { WebhookMessage } from "@chat-relay/core/webhook-body";
import type { Database } from "./database.ts";
import { CALL_COLUMNS, CALLS_OF_FREE_SESSIONS } from "./grouped-calls.ts";

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
// was counted and never settled belonged to a process that died: it is logged here, and its visitor told.
export const CLAIM = {
  name: "claim-delivery",
  text: `
    WITH given AS MATERIALIZED (
      SELECT * FROM json_to_recordset($1) AS given (n int, session_id uuid, message_id uuid, lease_ms float8)
    ), asked AS MATERIALIZED (
      SELECT given.*, s.version, q.attempts, q.attempt_started_at, q.answered_at IS NOT NULL AS answered,
        q.status = 'delivering' AND q.attempts > 0 AS is_lost,
        q.status = 'delivering' AND q.attempts > 0 AND q.answered_at IS NULL AS is_told,
        s.head_id = given.message_id AND s.head_due_at <= now()
          AND (s.lease_until IS NULL OR s.lease_until <= now()) AS is_mine
      FROM ${CALLS_OF_FREE_SESSIONS} LEFT JOIN LATERAL (
        SELECT * FROM chat_webhook_queue WHERE message_id = given.message_id LIMIT 1
      ) q ON true
    ), session AS (
      UPDATE chat_session s
      SET lease_token = s.lease_token + 1, lease_until = now() + m.lease_ms * interval '1 millisecond',
          next_status = s.next_status + m.is_told::int
      FROM asked m WHERE s.ctid = m.version AND m.is_mine
      RETURNING m.*, s.user_id, s.authenticated, s.metadata, s.created_at, s.lease_token,
        s.next_sequence - 1 AS last_sequence, s.next_status - 1 AS last_status
    ), lost AS (
      INSERT INTO chat_delivery_attempt (message_id, number, started_at, duration_ms, error, outcome)
      SELECT message_id, attempts, attempt_started_at,
        LEAST(extract(epoch FROM now() - attempt_started_at) * 1000, 2147483647)::int, 'the dispatcher was lost during the call', 'retry'
      FROM session WHERE is_lost
      ON CONFLICT DO NOTHING
    ), told AS (
      INSERT INTO chat_status_event (session_id, number, after_sequence, message_id, status, attempts)
      SELECT session_id, last_status, last_sequence, message_id, 'queued', attempts
      FROM session WHERE is_told
    ), ledger AS (
      UPDATE chat_webhook_queue q
      SET status = 'delivering', attempts = q.attempts + 1, attempt_started_at = now(),
          published_at = COALESCE(q.published_at, now())
      FROM session m WHERE q.message_id = m.message_id
      RETURNING m.n, q.message_id, q.attempts, q.attempts_base, q.callback_url, q.sequence
    )
    SELECT ${CALL_COLUMNS}, s.lease_token, q.attempts, q.attempts_base, q.callback_url, q.sequence,
      m.content, m.message_type, m.metadata, m.created_at, s.answered,
      s.user_id, s.authenticated, s.metadata AS session_metadata, s.created_at AS session_created_at,
      s.last_sequence, s.last_status, s.is_told AS told
    FROM given LEFT JOIN asked USING (n) LEFT JOIN session s USING (n) LEFT JOIN ledger q USING (n)
      LEFT JOIN chat_message m ON m.id = q.message_id`,
};

const WHY_NOT = {
  name: "claim-refused",
  text: `
    SELECT q.status, s.head_id = q.message_id AS is_head,
      GREATEST(extract(epoch FROM s.lease_until - now()), extract(epoch FROM s.head_due_at - now()), 0)::float8 * 1000 AS wait_ms
    FROM chat_webhook_queue q JOIN chat_session s ON s.id = q.session_id
    WHERE q.message_id = $1`,
};

/** Of one claim; all of it is null when it was not granted. */
interface ClaimRow {
  lease_token: number | null;
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

/**
 * Claims a session's next delivery for `leaseMs` and counts the attempt, committed before the call is made. Claims that come
 * at the same time share one statement and one commit.
 */
export async function claimDelivery(
  database: Database,
  ids: { messageId: string; sessionId: string },
  leaseMs: number,
): Promise<ClaimResult> {
  const { messageId, sessionId } = ids;
  const row = await database.together<ClaimRow>(CLAIM, {
    session_id: sessionId,
    message_id: messageId,
    lease_ms: leaseMs,
  });
  if (row.lease_token === null) return whyNot(database, messageId);
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
