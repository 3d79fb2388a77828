import { requestSchemas } from "@chat-relay/core/api-schemas";
import { chatMessage } from "@chat-relay/core/message";
import { childTraceparent } from "@chat-relay/core/trace-context";
import { z } from "zod";
import { chooseKey } from "../edge/idempotency-key.ts";
import { guardedSession } from "../edge/session-guard.ts";
import type { ZodApp } from "../edge/zod-app.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { duplicateMessage } from "../openapi/api-models.ts";
import { json, problems } from "../openapi/problem-responses.ts";
import { sendMessage } from "../use-cases/send-message.ts";

const headers = z.looseObject({
  "idempotency-key": z.string().optional().meta({
    description: "1 to 64 characters of printable ASCII, quoted or bare. One name space with `clientMessageId`.",
  }),
  traceparent: z.string().optional().meta({ description: "W3C trace context; goes with the message to n8n." }),
});

/** `POST /api/chat/send`: accepts a message for n8n. */
export function sendRoute(scope: ZodApp, context: GatewayContext): void {
  const schema = {
    tags: ["Messages"],
    operationId: "sendMessage",
    summary: "Send a message",
    description:
      "Accepted is committed: an accepted message is delivered to n8n at least once, in its session's order.",
    security: [{ session: [] }],
    headers,
    body: requestSchemas(context.config).sendMessage,
    response: {
      200: json("The key was used before, for the same message: this is it, as it is now.", duplicateMessage),
      202: json("Accepted.", chatMessage),
      ...problems(
        ...([
          "validation_failed",
          "malformed_json",
          "unauthorized",
          "forbidden",
          "session_expired",
          "payload_too_large",
        ] as const),
        ...(["unsupported_media_type", "idempotency_mismatch", "rate_limited"] as const),
      ),
    },
  };
  scope.post("/api/chat/send", { schema }, async (request, reply) => {
    const { content, messageType, metadata = {}, clientMessageId } = request.body;
    const idempotencyKey = chooseKey(request.headers["idempotency-key"], clientMessageId);
    const traceparent = childTraceparent(request.headers.traceparent);
    const message = { session: guardedSession(request), content, messageType, metadata, idempotencyKey, traceparent };
    const result = await sendMessage(context, message, (limits) => void reply.headers(limits));
    const { id: messageId, sessionId, sequence } = result.message;
    request.outcome = { messageId, sessionId, sequence };
    if (result.kind === "duplicate") return reply.code(200).send({ ...result.message, duplicate: true });
    return reply.code(202).send(result.message);
  });
}
