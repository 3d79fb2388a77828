import { newId } from "@chat-relay/core/ids";
import type { ChatMessage, DeliveryStatus } from "@chat-relay/core/message";
import type { Position, SessionChange, SessionEvent } from "@chat-relay/core/session-events";
import type { Announcement } from "./advance-head.ts";
import type { Claim } from "./claim-delivery.ts";
import type { Database } from "./database.ts";
import { CALL_COLUMNS, CALLS_OF_FREE_SESSIONS } from "./grouped-calls.ts";
import { MESSAGE_COLUMNS, toChatMessage, type MessageRow } from "./message-row.ts";

/** How an attempt went, for the log. */
export interface AttemptRecord {
  durationMs: number;
  httpStatus: number | null;
  error: string | null;
}

export type Settlement =
  | { kind: "delivered"; attempt: AttemptRecord; replies: string[] }
  | { kind: "retry"; attempt: AttemptRecord; delayMs: number }
  | { kind: "failed"; attempt: AttemptRecord }
  /** The budget was used up by processes that died: no call was made now. */
  | { kind: "exhausted" }
  /** No call was made: the attempt does not count. */
  | { kind: "handed_back"; delayMs: number };

export type SettleResult =
  /** `status` tells what became of the message: an answered one is not queued again, whatever its attempt came to. */
  | {
      kind: "settled";
      status: DeliveryStatus;
      replies: ChatMessage[];
      announcements: Announcement[];
      /** What the visitor sees of it; undefined when that is nothing. */
      change: SessionChange | undefined;
    }
  /** Another process has claimed since: nothing was changed. */
  | { kind: "fenced" };

// Only if no one else has claimed since. The next head is the earliest message that is not settled; a new one gets a work
// token. Who was answered before has been told so, and is never queued again: n8n has it.
export const SETTLE = {
  name: "settle-delivery",
  text: `
    WITH given AS MATERIALIZED (
      SELECT * FROM json_to_recordset($1) AS given (n int, session_id uuid, message_id uuid, lease_token int, status text,
        delay_ms float8, is_tried boolean, attempt int, duration_ms int, http_status int, error text, outcome text,
        gave_up_attempt int, replies json)
    ), asked AS MATERIALIZED (
      SELECT given.*, s.version, q.attempt_started_at, q.answered_at IS NOT NULL AS was_answered,
        CASE WHEN q.answered_at IS NULL THEN given.status ELSE 'answered' END AS new_status,
        given.is_tried AND q.answered_at IS NULL AS is_told,
        json_array_length(given.replies) AS reply_count,
        s.head_id = given.message_id AND s.lease_token = given.lease_token AND s.lease_until IS NOT NULL AS is_mine
      FROM ${CALLS_OF_FREE_SESSIONS} LEFT JOIN LATERAL (
        SELECT * FROM chat_webhook_queue WHERE message_id = given.message_id LIMIT 1
      ) q ON true
    ), mine AS MATERIALIZED (
      SELECT asked.*, next.message_id AS next_id, next.due_at AS next_due_at
      FROM asked LEFT JOIN LATERAL (
        SELECT q.message_id,
          CASE WHEN q.message_id = asked.message_id THEN now() + asked.delay_ms * interval '1 millisecond' ELSE q.due_at END AS due_at
        FROM chat_webhook_queue q
        WHERE q.session_id = asked.session_id AND q.status IN ('queued', 'delivering')
          AND (q.message_id <> asked.message_id OR asked.new_status = 'queued')
        ORDER BY q.sequence LIMIT 1
      ) next ON true
      WHERE asked.is_mine
    ), session AS (
      UPDATE chat_session s
      SET lease_until = NULL, head_id = mine.next_id, head_due_at = mine.next_due_at,
          next_sequence = s.next_sequence + mine.reply_count, next_status = s.next_status + mine.is_told::int
      FROM mine WHERE s.ctid = mine.version
      RETURNING mine.*, s.next_sequence - mine.reply_count AS first_sequence, s.next_sequence - 1 AS last_sequence,
        s.next_status - 1 AS last_status
    ), ledger AS (
      UPDATE chat_webhook_queue q
      SET status = mine.new_status,
          attempts = CASE WHEN mine.is_tried AND mine.gave_up_attempt IS NULL THEN q.attempts ELSE q.attempts - 1 END,
          due_at = now() + mine.delay_ms * interval '1 millisecond',
          delivered_at = CASE WHEN mine.status IN ('delivered', 'answered') THEN now() ELSE q.delivered_at END,
          answered_at = CASE WHEN mine.status = 'answered' THEN COALESCE(q.answered_at, now()) ELSE q.answered_at END
      FROM session mine WHERE q.message_id = mine.message_id
      RETURNING mine.*, q.attempts
    ), told AS (
      INSERT INTO chat_status_event (session_id, number, after_sequence, message_id, status, attempts)
      SELECT session_id, last_status, last_sequence, message_id, new_status, attempts FROM ledger WHERE is_told
    ), logged AS (
      INSERT INTO chat_delivery_attempt (message_id, number, started_at, duration_ms, http_status, error, outcome)
      SELECT message_id, attempt, attempt_started_at, duration_ms, http_status, error,
        CASE WHEN outcome = 'retry' AND was_answered THEN 'failed' ELSE outcome END
      FROM mine WHERE attempt IS NOT NULL
      ON CONFLICT (message_id, number) DO UPDATE
      SET started_at = excluded.started_at, duration_ms = excluded.duration_ms, http_status = excluded.http_status,
          error = excluded.error, outcome = excluded.outcome
    ), gave_up AS (
      UPDATE chat_delivery_attempt a SET outcome = 'failed'
      FROM mine WHERE a.message_id = mine.message_id AND a.number = mine.gave_up_attempt
    ), reply AS (
      INSERT INTO chat_message (id, session_id, sequence, role, content, message_type, reply_to, reply_key, created_at)
      SELECT (item ->> 'id')::uuid, session_id, first_sequence + position::int - 1, 'assistant', item ->> 'content',
        'text', message_id, 'response:' || message_id || ':' || position, now()
      FROM session CROSS JOIN LATERAL json_array_elements(session.replies) WITH ORDINALITY AS given_reply (item, position)
      RETURNING id
    ), outbox AS (
      INSERT INTO chat_reply_outbox (message_id, tried_at) SELECT id, now() FROM reply
    ), announced AS (
      UPDATE chat_webhook_queue q
      SET epoch = q.epoch + 1, announced_at = now(), published_at = NULL, published_seq = NULL
      FROM mine WHERE q.message_id = mine.next_id AND mine.next_id <> mine.message_id
      RETURNING mine.n, q.message_id, q.epoch, q.status, q.answered_at
    )
    SELECT ${CALL_COLUMNS}, ledger.new_status AS settled_as, ledger.is_told, ledger.attempts, ledger.first_sequence, ledger.last_status,
      now()::timestamptz(3) AS settled_at, q.epoch, ${MESSAGE_COLUMNS}
    FROM given LEFT JOIN asked USING (n) LEFT JOIN ledger USING (n)
      LEFT JOIN announced q USING (n) LEFT JOIN chat_message m ON m.id = q.message_id`,
};

/** Of one settlement. */
interface SettledRow {
  /** Null when another process has claimed since: then nothing was changed. */
  settled_as: SettledStatus | null;
  is_told: boolean;
  attempts: number;
  first_sequence: number;
  last_status: number;
  settled_at: string;
  /** The token of the session's next message, whose columns follow; null when there is no new one. */
  epoch: number | null;
}

type SettledStatus = "answered" | "delivered" | "failed" | "queued";

function ledgerStatus(settlement: Settlement): SettledStatus {
  switch (settlement.kind) {
    case "delivered":
      return settlement.replies.length > 0 ? "answered" : "delivered";
    case "failed":
    case "exhausted":
      return "failed";
    case "retry":
    case "handed_back":
      return "queued";
  }
}

/** The attempt's columns: of a call that was made, of the last one of those that were lost, or of none. */
function attemptColumns(claim: Claim, settlement: Settlement) {
  switch (settlement.kind) {
    case "handed_back":
      return {}; // there is nothing to tell of what was never tried
    case "exhausted":
      return { is_tried: true, gave_up_attempt: claim.attempt - 1 };
    case "delivered":
    case "retry":
    case "failed": {
      const { durationMs, httpStatus, error } = settlement.attempt;
      const logged = { duration_ms: durationMs, http_status: httpStatus, error, outcome: settlement.kind };
      return { is_tried: true, attempt: claim.attempt, ...logged };
    }
  }
}

/** A settled delivery as its session's followers see it: the replies first, then the status. */
function toChange(
  claim: Claim,
  replies: ChatMessage[],
  row: SettledRow,
  status: SettledStatus,
): SessionChange | undefined {
  const { sessionId, messageId } = claim;
  const told = row.is_told;
  const after: Position = { sequence: row.first_sequence - 1, status: row.last_status - (told ? 1 : 0) };
  const events: SessionEvent[] = replies.map((data) => {
    return { type: "message", position: { ...after, sequence: data.sequence }, data };
  });
  if (told) {
    const position = { sequence: after.sequence + replies.length, status: row.last_status };
    events.push({ type: "status", position, data: { messageId, status, attempts: row.attempts } });
  }
  return events.length === 0 ? undefined : { sessionId, after, events };
}

function toReply(claim: Claim, row: SettledRow, reply: { id: string; content: string }, index: number): ChatMessage {
  const { sessionId, messageId: replyTo } = claim;
  const fixed = { role: "assistant", messageType: "text", metadata: {}, status: "received" } as const;
  return { ...reply, ...fixed, sessionId, replyTo, sequence: row.first_sequence + index, createdAt: row.settled_at };
}

function announcements(row: SettledRow & MessageRow): Announcement[] {
  return row.epoch === null ? [] : [{ message: toChatMessage(row), epoch: row.epoch }];
}

/**
 * Records how an attempt went: its log, the replies that came in the response, and the session's next head, in one commit
 * and only if no one else has claimed since. Settlements that come at the same time share one statement and one commit.
 */
export async function settleDelivery(
  database: Pick<Database, "together">,
  claim: Claim,
  settlement: Settlement,
): Promise<SettleResult> {
  const contents = settlement.kind === "delivered" ? settlement.replies : [];
  const given = contents.map((content) => ({ id: newId(), content }));
  const row = await database.together<SettledRow & MessageRow>(SETTLE, {
    session_id: claim.sessionId,
    message_id: claim.messageId,
    lease_token: claim.leaseToken,
    status: ledgerStatus(settlement),
    delay_ms: "delayMs" in settlement ? settlement.delayMs : 0,
    is_tried: false,
    replies: given,
    ...attemptColumns(claim, settlement),
  });
  const status = row.settled_as;
  if (status === null) return { kind: "fenced" };
  const replies = given.map((reply, index) => toReply(claim, row, reply, index));
  const change = toChange(claim, replies, row, status);
  return { kind: "settled", status, replies, announcements: announcements(row), change };
}
