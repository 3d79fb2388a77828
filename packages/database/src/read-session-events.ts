import type { ChatMessage } from "@chat-relay/core/message";
import type { Position, SessionEvent, StatusChange } from "@chat-relay/core/session-events";
import type { Database } from "./database.ts";
import { MESSAGE_COLUMNS, toChatMessage, type MessageRow } from "./message-row.ts";

/** Where a session stands, for those who follow it. */
export interface SessionState {
  sessionId: string;
  /** The position of its newest event, or behind it. */
  position: Position;
  /** Time until it expires unless a message renews it; 0 when it is over, expired or ended. */
  remainingMs: number;
}

export interface SessionEventPage {
  events: SessionEvent[];
  /** Where a reader is who has them all. */
  position: Position;
  /** More may follow. */
  hasMore: boolean;
}

const STATE_COLUMNS = `s.id, s.next_sequence - 1 AS sequence, s.next_status - 1 AS status,
  CASE WHEN s.ended_at IS NOT NULL THEN 0 ELSE GREATEST(ceil(extract(epoch FROM s.expires_at - now()) * 1000), 0) END::float8 AS remaining_ms`;

const STATES = {
  name: "session-states",
  text: `SELECT ${STATE_COLUMNS} FROM chat_session s WHERE s.id = ANY($1::uuid[])`,
};

// Both kinds are limited before they are merged: what is left out of either comes after what is kept of it. A change of
// status comes after the messages that were there before it.
const EVENTS = {
  name: "session-events",
  text: `
    WITH event AS (
      (SELECT sequence AS place, 0 AS kind, 0 AS number, id AS message_id, NULL AS new_status, 0 AS attempts
       FROM chat_message WHERE session_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $4)
      UNION ALL
      (SELECT after_sequence, 1, number, message_id, status, attempts
       FROM chat_status_event WHERE session_id = $1 AND number > $3 ORDER BY number LIMIT $4)
    )
    SELECT s.next_sequence - 1 AS last_sequence, s.next_status - 1 AS last_status,
      e.kind, e.number, e.message_id, e.new_status, e.attempts, ${MESSAGE_COLUMNS}
    FROM chat_session s LEFT JOIN event e ON true
      LEFT JOIN chat_message m ON e.kind = 0 AND m.id = e.message_id
      LEFT JOIN chat_webhook_queue q ON q.message_id = m.id
    WHERE s.id = $1
    ORDER BY e.place, e.kind, e.number LIMIT $4`,
};

interface StateRow {
  id: string;
  sequence: number;
  status: number;
  remaining_ms: number;
}

interface EventRow extends MessageRow {
  last_sequence: number;
  last_status: number;
  /** Null in the one row of a session without events to tell. */
  kind: 0 | 1 | null;
  number: number;
  message_id: string;
  new_status: ChatMessage["status"];
  attempts: number;
}

/** Where each of the sessions stands. */
export async function readSessionStates(database: Database, sessionIds: string[]): Promise<SessionState[]> {
  const rows = await database.query<StateRow>(STATES, [sessionIds]);
  return rows.map(({ id, sequence, status, remaining_ms: remainingMs }) => {
    return { sessionId: id, position: { sequence, status }, remainingMs };
  });
}

function toEvent(row: EventRow, before: Position): SessionEvent {
  if (row.kind === 0) {
    const position = { sequence: row.sequence, status: before.status };
    return { type: "message", position, data: toChatMessage(row) };
  }
  const data: StatusChange = { messageId: row.message_id, status: row.new_status, attempts: row.attempts };
  return { type: "status", position: { sequence: before.sequence, status: row.number }, data };
}

/** At most `limit` events of a session after a position, in their order. */
export async function readSessionEvents(
  database: Database,
  sessionId: string,
  after: Position,
  limit: number,
): Promise<SessionEventPage> {
  const rows = await database.query<EventRow>(EVENTS, [sessionId, after.sequence, after.status, limit]);
  const events: SessionEvent[] = [];
  let position = after;
  for (const row of rows.filter(({ kind }) => kind !== null)) {
    const event = toEvent(row, position);
    events.push(event);
    position = event.position;
  }
  const [first] = rows;
  const hasMore = events.length === limit;
  // A number may have been set aside and not been used.
  if (!hasMore && first !== undefined) position = { sequence: first.last_sequence, status: first.last_status };
  return { events, position, hasMore };
}
