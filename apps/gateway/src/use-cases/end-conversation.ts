import { unreadChange } from "@chat-relay/core/session-events";
import { endSession } from "@chat-relay/database/end-session";
import type { GatewayContext } from "../gateway-context.ts";

/** Ends a session, and tells those who follow it, who see for themselves. */
export async function endConversation(
  { database, publisher }: Pick<GatewayContext, "database" | "publisher">,
  sessionId: string,
): Promise<void> {
  await endSession(database, sessionId);
  publisher.publishChanges([unreadChange(sessionId)]);
}
