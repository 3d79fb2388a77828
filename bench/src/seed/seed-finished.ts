import pg from "pg";

export interface FinishedMessages {
  sessions: number;
  /** Messages with their replies, in each session. */
  each: number;
}

// $1 sessions, $2 messages in each. Numbers as the services would have given them; ids older than any that is made now.
const FROM = `
  FROM generate_series(0, $1::int - 1) AS s, generate_series(1, $2::int) AS m,
    LATERAL (SELECT
      ('01900000-0000-7000-8000-' || lpad(s::text, 12, '0'))::uuid AS session_id,
      ('01900010-0000-7000-8000-' || lpad(to_hex(s::bigint * $2::int + m), 12, '0'))::uuid AS message_id,
      ('01900020-0000-7000-8000-' || lpad(to_hex(s::bigint * $2::int + m), 12, '0'))::uuid AS reply_id,
      now() - interval '1 hour' AS at) AS given`;

const STATEMENTS = [
  `INSERT INTO chat_message (id, session_id, sequence, role, content, message_type, created_at)
   SELECT message_id, session_id, 2 * m - 1, 'user', 'Where is the parcel that I ordered last week?', 'text', at ${FROM}`,
  `INSERT INTO chat_message (id, session_id, sequence, role, content, message_type, reply_to, reply_key, created_at)
   SELECT reply_id, session_id, 2 * m, 'assistant', 'It is on its way and will be there tomorrow.', 'text', message_id,
     'callback:' || reply_id, at ${FROM}`,
  `INSERT INTO chat_webhook_queue (message_id, session_id, sequence, status, attempts, callback_url, created_at, due_at,
     epoch, announced_at, published_at, attempt_started_at, delivered_at, answered_at)
   SELECT message_id, session_id, 2 * m - 1, 'answered', 1, 'http://127.0.0.1/', at, at, 1, at, at, at, at, at ${FROM}`,
  `INSERT INTO chat_delivery_attempt (message_id, number, started_at, duration_ms, http_status, outcome)
   SELECT message_id, 1, at, 10, 200, 'delivered' ${FROM}`,
  `INSERT INTO chat_status_event (session_id, number, after_sequence, message_id, status, attempts)
   SELECT session_id, 2 * m - 1 + n, 2 * m - 1 + n, message_id, (ARRAY['delivered', 'answered'])[n + 1], 1
   ${FROM}, generate_series(0, 1) AS n`,
  `UPDATE chat_session SET next_sequence = 2 * $2::int + 1, next_status = 2 * $2::int + 1
   WHERE id < ('01900000-0000-7000-8000-' || lpad($1::text, 12, '0'))::uuid`,
];

/** Finished conversations in the sessions that `seedSessions` made, put straight into the database. */
export async function seedFinished(databaseUrl: string, { sessions, each }: FinishedMessages): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  for (const statement of STATEMENTS) await client.query(statement, [sessions, each]);
  await client.query("VACUUM ANALYZE"); // as autovacuum would have done by the time there is so much
  await client.end();
}
