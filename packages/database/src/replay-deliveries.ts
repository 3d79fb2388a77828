import { advanceHeads, type Announcement } from "./advance-head.ts";
import type { Database, Query } from "./database.ts";
import { TELL_STATUS } from "./tell-status.ts";

/** Which deliveries to replay. Times are of the messages, ISO 8601; `since` inclusive, `until` exclusive. */
export interface ReplayFilter {
  status: "failed" | "unanswered";
  since?: string | undefined;
  until?: string | undefined;
  sessionId?: string | undefined;
}

const MATCHING = `status = $1 AND ($2::timestamptz IS NULL OR created_at >= $2) AND ($3::timestamptz IS NULL OR created_at < $3)
  AND ($4::uuid IS NULL OR session_id = $4)`;

const COUNT = { name: "replay-count", text: `SELECT count(*) AS matched FROM chat_webhook_queue WHERE ${MATCHING}` };

const SELECT = {
  name: "replay-select",
  text: `SELECT message_id, session_id FROM chat_webhook_queue WHERE ${MATCHING} AND message_id > $5 ORDER BY message_id LIMIT $6`,
};

// Locked in the order of their ids, so that two replays cannot wait for each other.
const LOCK_SESSIONS = {
  name: "replay-lock-sessions",
  text: "SELECT 1 FROM chat_session WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE",
};

const REQUEUE = {
  name: "replay-requeue",
  text: `
    WITH changed AS (
      UPDATE chat_webhook_queue
      SET status = 'queued', attempts_base = attempts, due_at = now(), delivered_at = NULL,
          announced_at = NULL, published_at = NULL, published_seq = NULL
      WHERE message_id = ANY($1::uuid[]) AND status IN ('failed', 'unanswered')
      RETURNING session_id, message_id, status, attempts
    ), ${TELL_STATUS}
    SELECT session_id FROM changed`,
};

const FIRST_ID = "00000000-0000-0000-0000-000000000000";

function filterValues(filter: ReplayFilter): unknown[] {
  return [filter.status, filter.since ?? null, filter.until ?? null, filter.sessionId ?? null];
}

export interface ReplayResult {
  replayed: number;
  /** Their sessions, whose visitors were told. */
  sessionIds: string[];
  announcements: Announcement[];
}

async function requeue(query: Query, messageIds: string[], sessionIds: string[]): Promise<ReplayResult> {
  await query(LOCK_SESSIONS, [sessionIds]);
  const rows = await query<{ session_id: string }>(REQUEUE, [messageIds]);
  const told = [...new Set(rows.map((row) => row.session_id))];
  return { replayed: rows.length, sessionIds: told, announcements: await advanceHeads(query, sessionIds) };
}

/** Queues one `failed` or `unanswered` message again with a fresh budget; `replayed` is 0 when it is in another state. */
export async function replayDelivery(database: Database, messageId: string, sessionId: string): Promise<ReplayResult> {
  return database.transaction((query) => requeue(query, [messageId], [sessionId]));
}

/** How many deliveries the filter matches. */
export async function countReplayable(database: Database, filter: ReplayFilter): Promise<number> {
  const [row] = await database.query<{ matched: number }>(COUNT, filterValues(filter));
  return row?.matched ?? 0;
}

/** Queues all that match again, in batches of one transaction each; every session goes on in its order. */
export async function* replayDeliveries(
  database: Database,
  filter: ReplayFilter,
  batchSize: number,
): AsyncGenerator<ReplayResult> {
  let after = FIRST_ID;
  for (;;) {
    const values = [...filterValues(filter), after, batchSize];
    const rows = await database.query<{ message_id: string; session_id: string }>(SELECT, values);
    const last = rows.at(-1);
    if (last === undefined) return;
    const messageIds = rows.map((row) => row.message_id);
    const sessionIds = [...new Set(rows.map((row) => row.session_id))];
    yield await database.transaction((query) => requeue(query, messageIds, sessionIds));
    after = last.message_id;
  }
}
