import { pageLimit } from "@chat-relay/core/api-schemas";
import { fieldsError } from "@chat-relay/core/validation";
import { readMessages } from "@chat-relay/database/read-messages";
import { z } from "zod";
import { guardedSession } from "../edge/session-guard.ts";
import type { ZodApp } from "../edge/zod-app.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { messagePage } from "../openapi/api-models.ts";
import { json, problems } from "../openapi/problem-responses.ts";

/** `GET /api/chat/messages/:sessionId`: the session's history, page by page. */
export function historyRoute(scope: ZodApp, context: GatewayContext): void {
  const querystring = z
    .strictObject({
      limit: pageLimit(context.config),
      before: z.string().optional().meta({ description: "Cursor: the page of messages older than it." }),
      after: z.string().optional().meta({ description: "Cursor: the page of messages newer than it." }),
    })
    .refine((query) => query.before === undefined || query.after === undefined, {
      path: ["after"],
      message: "must not be given together with before",
    });
  const schema = {
    tags: ["Messages"],
    operationId: "readMessages",
    summary: "The session's history",
    description:
      "The newest page when no cursor is given. `pageInfo.after` can be polled: it is there once the session has a message.",
    security: [{ session: [] }],
    params: z.object({ sessionId: z.string() }),
    querystring,
    response: {
      200: json("A page, oldest first.", messagePage),
      ...problems("validation_failed", "unauthorized", "forbidden", "session_expired"),
    },
  };
  scope.get("/api/chat/messages/:sessionId", { schema }, async (request) => {
    const { sessionId } = guardedSession(request);
    const page = await readMessages(context.database, { sessionId, ...request.query });
    if (page !== undefined) return page;
    throw fieldsError([
      {
        pointer: request.query.before === undefined ? "#/after" : "#/before",
        detail: "is not a cursor of this session",
      },
    ]);
  });
}
