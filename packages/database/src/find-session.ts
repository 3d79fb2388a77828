import type { ChatSession } from "@chat-relay/core/session";
import type { Database } from "./database.ts";
import { SESSION_COLUMNS, toChatSession, type SessionRow } from "./session-row.ts";

const BY_TOKEN = {
  name: "find-session-by-token",
  text: `SELECT ${SESSION_COLUMNS} FROM chat_session s WHERE s.token_hash = $1`,
};

const BY_ID = { name: "find-session-by-id", text: `SELECT ${SESSION_COLUMNS} FROM chat_session s WHERE s.id = $1` };

/** The session whose token has this hash, also when it has expired or ended. */
export async function findSessionByToken(database: Database, tokenHash: Buffer): Promise<ChatSession | undefined> {
  const [row] = await database.query<SessionRow>(BY_TOKEN, [tokenHash]);
  return row === undefined ? undefined : toChatSession(row);
}

/** The session with this id, also when it has expired or ended. */
export async function findSessionById(database: Database, id: string): Promise<ChatSession | undefined> {
  const [row] = await database.query<SessionRow>(BY_ID, [id]);
  return row === undefined ? undefined : toChatSession(row);
}
