import { ChatError } from "@chat-relay/core/errors";
import { hashToken } from "@chat-relay/core/ids";
import type { ChatSession } from "@chat-relay/core/session";
import type { FastifyRequest } from "fastify";
import { bearerToken } from "./bearer-token.ts";
import type { FindSession } from "./known-sessions.ts";
import type { ZodApp } from "./zod-app.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The session of the request's token; set on the routes behind the session guard. */
    chatSession: ChatSession | null;
  }
}

const SESSION_TOKEN = /^[A-Za-z0-9_-]{43}$/;

async function authenticate(find: FindSession, request: FastifyRequest): Promise<ChatSession> {
  const token = bearerToken(request.headers.authorization);
  // What cannot be a token of ours need not be looked up.
  const session = token !== undefined && SESSION_TOKEN.test(token) ? await find(hashToken(token)) : undefined;
  if (session === undefined)
    throw new ChatError("unauthorized", "A valid session token is needed: Authorization: Bearer <sessionToken>");
  if (session.status !== "active") throw new ChatError("session_expired", "The session has expired or was ended");
  return session;
}

function namedSessions(...sources: unknown[]): unknown[] {
  return sources.flatMap((source) =>
    typeof source === "object" && source !== null && "sessionId" in source ? [source.sessionId] : [],
  );
}

/** Refuses any other session's id the same way, so that nobody learns which ones exist. */
function refuseOthers(request: FastifyRequest, named: unknown[]): void {
  if (named.some((id) => id !== request.chatSession?.sessionId)) {
    throw new ChatError("forbidden", "This token is of another session");
  }
}

/** Puts every route of the scope behind the session's token, checked before a byte of the body is read. */
export function guardSessions(scope: ZodApp, find: FindSession): void {
  scope.decorateRequest("chatSession", null);
  scope.addHook("onRequest", async (request) => {
    request.chatSession = await authenticate(find, request);
    refuseOthers(request, namedSessions(request.params, request.query));
  });
  // Before the rest of the body is looked at; what is no text at all is for the validation to tell.
  scope.addHook("preValidation", async (request) => {
    refuseOthers(
      request,
      namedSessions(request.body).filter((id) => typeof id === "string"),
    );
  });
}

/** The session that the guard let in. */
export function guardedSession(request: FastifyRequest): ChatSession {
  if (request.chatSession === null) throw new Error("this route is not behind the session guard");
  return request.chatSession;
}
