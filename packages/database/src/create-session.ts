import type { Metadata } from "@chat-relay/core/metadata";
import type { ChatSession } from "@chat-relay/core/session";
import type { Database } from "./database.ts";
import { SESSION_COLUMNS, toChatSession, type SessionRow } from "./session-row.ts";

export interface NewSession {
  id: string;
  tokenHash: Buffer;
  userId: string | null;
  authenticated: boolean;
  metadata: Metadata;
  ttlMs: number;
}

const CREATE_SESSION = {
  name: "create-session",
  text: `
    INSERT INTO chat_session AS s (id, token_hash, user_id, authenticated, metadata, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, now(), now() + $6 * interval '1 millisecond')
    RETURNING ${SESSION_COLUMNS}`,
};

/** Stores a new session; of its token only the hash. */
export async function createSession(database: Database, session: NewSession): Promise<ChatSession> {
  const { id, tokenHash, userId, authenticated, metadata, ttlMs } = session;
  const values = [id, tokenHash, userId, authenticated, JSON.stringify(metadata), ttlMs];
  const [row] = await database.query<SessionRow>(CREATE_SESSION, values);
  if (row === undefined) throw new Error("INSERT returned no row");
  return toChatSession(row);
}
