import type { Metadata } from "@chat-relay/core/metadata";
import type { ChatSession } from "@chat-relay/core/session";

/** A session as `SESSION_COLUMNS` reads it. */
export interface SessionRow {
  id: string;
  user_id: string | null;
  authenticated: boolean;
  metadata: Metadata;
  created_at: string;
  expires_at: string;
  status: ChatSession["status"];
}

/** For `FROM chat_session s`. PostgreSQL's clock decides what has expired. */
export const SESSION_COLUMNS = `s.id, s.user_id, s.authenticated, s.metadata, s.created_at, s.expires_at,
  CASE WHEN s.ended_at IS NOT NULL THEN 'ended' WHEN s.expires_at <= now() THEN 'expired' ELSE 'active' END AS status`;

/** The session as the API shows it. */
export function toChatSession(row: SessionRow): ChatSession {
  return {
    sessionId: row.id,
    authenticated: row.authenticated,
    userId: row.user_id,
    metadata: row.metadata,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    status: row.status,
  };
}
