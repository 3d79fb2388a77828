import { hashToken, newId, newSessionToken } from "@chat-relay/core/ids";
import type { Metadata } from "@chat-relay/core/metadata";
import type { ChatSession } from "@chat-relay/core/session";
import { createSession } from "@chat-relay/database/create-session";
import type { GatewayContext } from "../gateway-context.ts";
import type { HeaderSink } from "../rate-gate.ts";
import { identifyUser, type ClaimedIdentity } from "./identify-user.ts";
import { sessionTtlMs } from "./session-ttl.ts";

export interface SessionRequest extends ClaimedIdentity {
  metadata?: Metadata | undefined;
}

export type StartedSession = Omit<ChatSession, "status"> & { sessionToken: string };

/** Opens a session for a visitor. Only a request that would succeed costs the address anything. */
export async function startSession(
  context: GatewayContext,
  request: SessionRequest,
  addressKey: string,
  tell: HeaderSink,
): Promise<StartedSession> {
  const { config, database, sessionsGate } = context;
  const identity = await identifyUser(request, config);
  await sessionsGate.take(addressKey, tell);
  const sessionToken = newSessionToken();
  const {
    status: _,
    sessionId,
    ...session
  } = await createSession(database, {
    id: newId(),
    tokenHash: hashToken(sessionToken),
    ...identity,
    metadata: request.metadata ?? {},
    ttlMs: sessionTtlMs(identity.userId, config),
  });
  return { sessionId, sessionToken, ...session };
}
