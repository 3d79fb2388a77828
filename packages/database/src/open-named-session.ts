import type { ChatSession } from "@chat-relay/core/session";
import type { Database } from "./database.ts";
import { SESSION_COLUMNS, toChatSession, type SessionRow } from "./session-row.ts";

/** A guest's session whose id somebody else has chosen. */
export interface NamedSession {
  id: string;
  tokenHash: Buffer;
  ttlMs: number;
}

export interface FreshSession extends NamedSession {
  /** Takes the token's place at the session that is over, which nobody reaches any more. */
  retiredTokenHash: Buffer;
}

const COLUMNS = "id, token_hash, metadata, created_at, expires_at";
const VALUES = "$1, $2, '{}'::jsonb, now(), now() + $3 * interval '1 millisecond'";

const CREATE_NAMED = {
  name: "create-named-session",
  text: `INSERT INTO chat_session AS s (${COLUMNS}) VALUES (${VALUES}) ON CONFLICT DO NOTHING RETURNING ${SESSION_COLUMNS}`,
};

// Whoever comes second waits at the row of the old session, whose token is then another: it makes nothing.
const REPLACE_OVER = {
  name: "replace-session-that-is-over",
  text: `
    WITH over AS (
      UPDATE chat_session SET token_hash = $4
      WHERE token_hash = $2 AND (ended_at IS NOT NULL OR expires_at <= now())
      RETURNING id
    )
    INSERT INTO chat_session AS s (${COLUMNS}) SELECT ${VALUES} FROM over RETURNING ${SESSION_COLUMNS}`,
};

/** Stores the session, unless its id or its token is taken. */
export async function createNamedSession(
  database: Database,
  { id, tokenHash, ttlMs }: NamedSession,
): Promise<ChatSession | undefined> {
  const [row] = await database.query<SessionRow>(CREATE_NAMED, [id, tokenHash, ttlMs]);
  return row === undefined ? undefined : toChatSession(row);
}

/** Stores the session in the place of the token's session, which must be over; else does nothing. */
export async function replaceSessionThatIsOver(
  database: Database,
  { id, tokenHash, ttlMs, retiredTokenHash }: FreshSession,
): Promise<ChatSession | undefined> {
  const [row] = await database.query<SessionRow>(REPLACE_OVER, [id, tokenHash, ttlMs, retiredTokenHash]);
  return row === undefined ? undefined : toChatSession(row);
}
