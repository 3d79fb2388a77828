import { ChatError } from "@chat-relay/core/errors";
import { hashToken, newId, newSessionToken } from "@chat-relay/core/ids";
import type { ChatSession } from "@chat-relay/core/session";
import { findSessionByToken } from "@chat-relay/database/find-session";
import { createNamedSession, replaceSessionThatIsOver } from "@chat-relay/database/open-named-session";
import type { GatewayContext } from "../gateway-context.ts";
import type { HeaderSink } from "../rate-gate.ts";
import { sessionTtlMs } from "../use-cases/session-ttl.ts";

// A session of the widget is found by its token like any other, and its token is the widget's id behind this prefix. So a
// session that has a token of its own is never found by its id, which others may see; and since no bearer token has a
// colon, no other route takes the widget's id for a token.
const TOKEN_PREFIX = "n8n:";

function tokenHashOf(widgetId: string): Buffer {
  return hashToken(TOKEN_PREFIX + widgetId);
}

/** The widget's session; undefined when there is none yet, and when it is over. */
export async function findN8nSession(
  { database }: Pick<GatewayContext, "database">,
  widgetId: string,
): Promise<ChatSession | undefined> {
  const session = await findSessionByToken(database, tokenHashOf(widgetId));
  return session?.status === "active" ? session : undefined;
}

// The widget keeps its id for good. Once the session is over, the id names a new one, which n8n gets to know by an id of ours:
// what was said before stays closed, and n8n's memory of it too.
async function makeSession(context: GatewayContext, widgetId: string): Promise<ChatSession | undefined> {
  const { config, database } = context;
  const named = { tokenHash: tokenHashOf(widgetId), ttlMs: sessionTtlMs(null, config) };
  const created = await createNamedSession(database, { id: widgetId, ...named });
  if (created !== undefined) return created;
  const retiredTokenHash = hashToken(newSessionToken());
  return replaceSessionThatIsOver(database, { id: newId(), ...named, retiredTokenHash });
}

/**
 * The widget's session, made on first use, which costs the address what any new session does. Throws `forbidden` when the id
 * is that of a session with a token.
 */
export async function openN8nSession(
  context: GatewayContext,
  widgetId: string,
  addressKey: string,
  tell: HeaderSink,
): Promise<ChatSession> {
  const known = await findN8nSession(context, widgetId);
  if (known !== undefined) return known;
  const { sessionsGate } = context;
  await sessionsGate.take(addressKey, tell);
  const made = await makeSession(context, widgetId);
  if (made !== undefined) return made;
  // Another gateway was first, or the id is not the widget's: who tries those out pays for it.
  const others = await findN8nSession(context, widgetId);
  if (others === undefined) throw new ChatError("forbidden", "This session cannot be used here");
  await sessionsGate.giveBack(addressKey);
  return others;
}
