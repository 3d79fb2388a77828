import type { ChatSession } from "@chat-relay/core/session";
import { LRUCache } from "lru-cache";

export type FindSession = (tokenHash: Buffer) => Promise<ChatSession | undefined>;

const MAX_CHARS = 16_000_000;
const ENTRY_CHARS = 500;
const KEEP_MS = 60_000;

/**
 * Remembers the sessions of tokens that were looked up lately, for requests whose own statement finds out whether the session
 * is still open: a token never changes to another session while its own is.
 */
export function rememberSessions(find: FindSession): FindSession {
  const known = new LRUCache<string, ChatSession>({
    maxSize: MAX_CHARS,
    sizeCalculation: ({ metadata }) => ENTRY_CHARS + JSON.stringify(metadata).length,
    ttl: KEEP_MS,
  });
  return async (tokenHash) => {
    const key = tokenHash.toString("base64");
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const session = await find(tokenHash);
    if (session?.status === "active") known.set(key, session);
    return session;
  };
}
