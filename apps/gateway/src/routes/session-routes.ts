import { requestSchemas } from "@chat-relay/core/api-schemas";
import { clientAddressKey } from "@chat-relay/core/client-address";
import { readMessages } from "@chat-relay/database/read-messages";
import { z } from "zod";
import { guardedSession } from "../edge/session-guard.ts";
import type { ZodApp } from "../edge/zod-app.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { sessionPage, startedSession } from "../openapi/api-models.ts";
import { empty, json, problems } from "../openapi/problem-responses.ts";
import { endConversation } from "../use-cases/end-conversation.ts";
import { startSession } from "../use-cases/start-session.ts";

const PATH = "/api/chat/session";
const tags = ["Sessions"];
const security = [{ session: [] }];

/** `POST /api/chat/session`: opens a session and shows its token, once. */
export function startSessionRoute(app: ZodApp, context: GatewayContext): void {
  const schema = {
    tags,
    operationId: "startSession",
    summary: "Open a session",
    description: "Every field may be left out, and so may the body.",
    security: [],
    body: requestSchemas(context.config).createSession,
    response: {
      201: json("The session and its token.", startedSession),
      ...problems(
        "validation_failed",
        "malformed_json",
        "unauthorized",
        "payload_too_large",
        "unsupported_media_type",
        "rate_limited",
      ),
    },
  };
  app.post(PATH, { schema }, async (request, reply) => {
    const tell = (headers: Record<string, string>) => void reply.headers(headers);
    const session = await startSession(context, request.body, clientAddressKey(request.ip), tell);
    return reply.code(201).send(session);
  });
}

/** `GET /api/chat/session`: the token's own session with its latest messages. */
export function readSessionRoute(scope: ZodApp, context: GatewayContext): void {
  const schema = {
    tags,
    operationId: "readSession",
    summary: "The token's session with its newest messages",
    security,
    querystring: z.strictObject({
      sessionId: z.string().optional().meta({ description: "If given, the token's own." }),
    }),
    response: {
      200: json("The session and its newest messages, oldest first.", sessionPage),
      ...problems("validation_failed", "unauthorized", "forbidden", "session_expired"),
    },
  };
  scope.get(PATH, { schema }, async (request) => {
    const session = guardedSession(request);
    const page = await readMessages(context.database, { sessionId: session.sessionId, limit: context.config.pageSize });
    if (page === undefined) throw new Error("a page without a cursor is always there");
    return { session, ...page };
  });
}

/** `DELETE /api/chat/session`: ends the token's session. */
export function endSessionRoute(scope: ZodApp, context: GatewayContext): void {
  const schema = {
    tags,
    operationId: "endSession",
    summary: "End the session",
    description: "What is under way is still delivered and answered; the token is refused from now on.",
    security,
    response: {
      204: empty("Ended."),
      ...problems(
        "malformed_json",
        "unauthorized",
        "forbidden",
        "session_expired",
        "payload_too_large",
        "unsupported_media_type",
      ),
    },
  };
  scope.delete(PATH, { schema }, async (request, reply) => {
    await endConversation(context, guardedSession(request).sessionId);
    return reply.code(204).send(null);
  });
}
