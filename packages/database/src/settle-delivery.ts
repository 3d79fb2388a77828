import { newId } from "@chat-relay/core/ids";
import type { ChatMessage, DeliveryStatus } from "@chat-relay/core/message";
import type { Position, SessionChange, SessionEvent } from "@chat-relay/core/session-events";
import { advanceHeads, type Announcement } from "./advance-head.ts";
import type { Claim } from "./claim-delivery.ts";
import type { Database, Query } from "./database.ts";

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

// A message that was answered meanwhile is never queued again, whatever becomes of its call: n8n has it.

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

const RELEASE = {
  name: "settle-release",
  text: `
    UPDATE chat_session
    SET lease_until = NULL, next_sequence = next_sequence + $4,
        next_status = next_status + (
          SELECT count(*) FROM chat_webhook_queue WHERE message_id = $2 AND answered_at IS NULL AND $5)
    WHERE id = $1 AND head_id = $2 AND lease_token = $3 AND lease_until IS NOT NULL
    RETURNING next_sequence - $4::int AS first_sequence, next_status - 1 AS last_status, now()::timestamptz(3) AS at`,
};

// Who was answered before has been told so.
const RECORD = {
  name: "settle-record",
  text: `
    WITH before AS (
      SELECT answered_at IS NOT NULL AS answered FROM chat_webhook_queue WHERE message_id = $1
    ), recorded AS (
      UPDATE chat_webhook_queue
      SET status = CASE WHEN answered_at IS NOT NULL THEN 'answered' ELSE $2 END,
          attempts = attempts - $3,
          due_at = now() + $4 * interval '1 millisecond',
          delivered_at = CASE WHEN $2 IN ('delivered', 'answered') THEN now() ELSE delivered_at END,
          answered_at = CASE WHEN $2 = 'answered' THEN COALESCE(answered_at, now()) ELSE answered_at END
      WHERE message_id = $1
      RETURNING message_id, session_id, status, attempts
    ), told AS (
      INSERT INTO chat_status_event (session_id, number, after_sequence, message_id, status, attempts)
      SELECT r.session_id, $6, $7, r.message_id, r.status, r.attempts
      FROM recorded r, before WHERE $5 AND NOT before.answered
      RETURNING 1
    )
    SELECT status, attempts, EXISTS (SELECT 1 FROM told) AS told FROM recorded`,
};

const LOG_ATTEMPT = {
  name: "settle-log-attempt",
  text: `
    INSERT INTO chat_delivery_attempt (message_id, number, started_at, duration_ms, http_status, error, outcome)
    SELECT message_id, $2, attempt_started_at, $3, $4, $5, $6 FROM chat_webhook_queue WHERE message_id = $1
    ON CONFLICT (message_id, number) DO UPDATE
    SET started_at = excluded.started_at, duration_ms = excluded.duration_ms, http_status = excluded.http_status,
        error = excluded.error, outcome = excluded.outcome`,
};

const LAST_ATTEMPT_FAILED = {
  name: "settle-last-attempt-failed",
  text: "UPDATE chat_delivery_attempt SET outcome = 'failed' WHERE message_id = $1 AND number = $2",
};

const STORE_REPLIES = {
  name: "settle-store-replies",
  text: `
    WITH reply AS (
      INSERT INTO chat_message (id, session_id, sequence, role, content, message_type, reply_to, reply_key, created_at)
      SELECT id, $1::uuid, $3::int + position::int - 1, 'assistant', content, 'text', $2::uuid,
        'response:' || $2::text || ':' || position, now()
      FROM unnest($4::uuid[], $5::text[]) WITH ORDINALITY AS given (id, content, position)
      RETURNING id
    )
    INSERT INTO chat_reply_outbox (message_id, tried_at) SELECT id, now() FROM reply`,
};

/** What is handed back was never tried: there is nothing to tell of. */
function isTold({ kind }: Settlement): boolean {
  return kind !== "handed_back";
}

function ledgerStatus(settlement: Settlement): "answered" | "delivered" | "failed" | "queued" {
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

async function logAttempt(query: Query, claim: Claim, settlement: Settlement, status: DeliveryStatus): Promise<void> {
  if (settlement.kind === "handed_back") return;
  if (settlement.kind === "exhausted") {
    await query(LAST_ATTEMPT_FAILED, [claim.messageId, claim.attempt - 1]);
    return;
  }
  const { durationMs, httpStatus, error } = settlement.attempt;
  const willRetry = settlement.kind === "retry" && status === "queued";
  const outcome = settlement.kind === "delivered" ? "delivered" : willRetry ? "retry" : "failed";
  await query(LOG_ATTEMPT, [claim.messageId, claim.attempt, durationMs, httpStatus, error, outcome]);
}

async function storeReplies(query: Query, claim: Claim, contents: string[], firstSequence: number, at: string) {
  const { sessionId, messageId } = claim;
  const fixed = { sessionId, role: "assistant", messageType: "text", metadata: {}, status: "received" } as const;
  const replies = contents.map((content, index): ChatMessage => {
    return { id: newId(), ...fixed, sequence: firstSequence + index, content, replyTo: messageId, createdAt: at };
  });
  if (replies.length > 0) {
    await query(STORE_REPLIES, [sessionId, messageId, firstSequence, replies.map((reply) => reply.id), contents]);
  }
  return replies;
}

/** A settled delivery as its session's followers see it: the replies first, then the status. */
function toChange(claim: Claim, replies: ChatMessage[], recorded: Recorded, place: Place): SessionChange | undefined {
  const { sessionId, messageId } = claim;
  const { status, attempts, told } = recorded;
  const after: Position = { sequence: place.first_sequence - 1, status: place.last_status - (told ? 1 : 0) };
  const events: SessionEvent[] = replies.map((data) => {
    return { type: "message", position: { ...after, sequence: data.sequence }, data };
  });
  if (told) {
    const position = { sequence: after.sequence + replies.length, status: place.last_status };
    events.push({ type: "status", position, data: { messageId, status, attempts } });
  }
  return events.length === 0 ? undefined : { sessionId, after, events };
}

interface Place {
  first_sequence: number;
  last_status: number;
  at: string;
}

interface Recorded {
  status: ReturnType<typeof ledgerStatus>;
  attempts: number;
  told: boolean;
}

async function record(query: Query, claim: Claim, settlement: Settlement, place: Place): Promise<Recorded> {
  const replies = settlement.kind === "delivered" ? settlement.replies.length : 0;
  const delayMs = "delayMs" in settlement ? settlement.delayMs : 0;
  const uncounted = settlement.kind === "handed_back" || settlement.kind === "exhausted" ? 1 : 0;
  const [recorded] = await query<Recorded>(RECORD, [
    claim.messageId,
    ledgerStatus(settlement),
    uncounted,
    delayMs,
    isTold(settlement),
    place.last_status,
    place.first_sequence + replies - 1,
  ]);
  if (recorded === undefined) throw new Error("a delivery that was claimed is not in the ledger");
  return recorded;
}

/**
 * Records how an attempt went: its log, the replies that came in the response, and the session's next head, in one
 * transaction and only if no one else has claimed since.
 */
export async function settleDelivery(database: Database, claim: Claim, settlement: Settlement): Promise<SettleResult> {
  const contents = settlement.kind === "delivered" ? settlement.replies : [];
  return database.transaction(async (query) => {
    const { sessionId, messageId, leaseToken } = claim;
    const [place] = await query<Place>(RELEASE, [
      sessionId,
      messageId,
      leaseToken,
      contents.length,
      isTold(settlement),
    ]);
    if (place === undefined) return { kind: "fenced" };
    const recorded = await record(query, claim, settlement, place);
    await logAttempt(query, claim, settlement, recorded.status);
    const replies = await storeReplies(query, claim, contents, place.first_sequence, place.at);
    const announcements = await advanceHeads(query, [sessionId]);
    const change = toChange(claim, replies, recorded, place);
    return { kind: "settled", status: recorded.status, replies, announcements, change };
  });
}
