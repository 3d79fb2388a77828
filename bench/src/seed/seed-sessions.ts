import pg from "pg";
import type { VisitorSession } from "../load/live-stream.ts";

const TOKEN_CHARS = 43;

/** The id of the seeded session of this number; SQL below makes the same. */
function seededSession(number: number): VisitorSession {
  return {
    sessionId: `01900000-0000-7000-8000-${String(number).padStart(12, "0")}`,
    token: `seeded${String(number).padStart(TOKEN_CHARS - 6, "0")}`,
  };
}

const SEED = `
  INSERT INTO chat_session (id, token_hash, created_at, expires_at)
  SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
    sha256(convert_to('seeded' || lpad(n::text, ${TOKEN_CHARS - 6}, '0'), 'UTF8')),
    now(), now() + interval '1 day'
  FROM generate_series(0, $1::int - 1) AS n`;

/** Sessions whose tokens are known, put straight into the database. */
export async function seedSessions(databaseUrl: string, count: number): Promise<VisitorSession[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(SEED, [count]);
  await client.query("ANALYZE chat_session");
  await client.end();
  return Array.from({ length: count }, (_, number) => seededSession(number));
}
