import type { Readable } from "node:stream";
import { n8nChatSchema } from "@chat-relay/core/api-schemas";
import { clientAddressKey } from "@chat-relay/core/client-address";
import { childTraceparent } from "@chat-relay/core/trace-context";
import { z } from "zod";
import type { ZodApp } from "../edge/zod-app.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { jsonAnswer } from "../n8n/answer-form.ts";
import { previousSession, readPreviousSession } from "../n8n/previous-session.ts";
import { refuseInItsShape, wantsStream } from "../n8n/refusals.ts";
import { sendFromN8n } from "../n8n/send-from-n8n.ts";
import { streamedAnswer } from "../n8n/streamed-answer.ts";
import { problems } from "../openapi/problem-responses.ts";

const DESCRIPTION = `What n8n's own chat widget (\`@n8n/chat\`) calls as its \`webhookUrl\`; there with \`CHAT_N8N_COMPAT=true\`.

- \`sendMessage\` is accepted like \`POST /api/chat/send\`, and the answer comes when the reply is there: \`output\`, or \`message\` when
  there is none. White space before the JSON keeps the connection alive. With \`Accept: text/plain\` it is n8n's stream instead,
  one JSON document a line: \`begin\`, \`item\`, \`end\`, \`error\`, \`keepalive\`.
- \`loadPreviousSession\` gets the session's newest messages, \`{ "data": [] }\` for an unknown one.

The \`sessionId\`, made in the browser, names the session, which is made when it is first used, and is its only credential. The same text again,
while its answer is pending, waits for that answer. Refusals have \`message\` beside the members of a problem, which the widget shows.`;

const HEADERS = {
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

const answered = z.object({ output: z.string() }).meta({ id: "N8nAnswer" });
const unanswered = z.object({ message: z.string() }).meta({ id: "N8nNoAnswer" });

/** `POST /api/chat/n8n`: the chat in the wire format of n8n's own widget. */
export function n8nRoute(app: ZodApp, context: GatewayContext): void {
  const schema = {
    tags: ["n8n's widget"],
    operationId: "n8nChat",
    summary: "Serve n8n's own chat widget",
    description: DESCRIPTION,
    security: [],
    body: n8nChatSchema(context.config),
    response: {
      200: {
        description: "The reply, or the session's messages.",
        content: {
          "application/json": { schema: z.union([answered, unanswered, previousSession]) },
          "text/plain": { schema: z.custom<Readable>().meta({ type: "string" }) },
        },
      },
      ...problems(
        ...(["validation_failed", "malformed_json", "forbidden", "session_expired", "payload_too_large"] as const),
        ...(["unsupported_media_type", "idempotency_mismatch", "rate_limited"] as const),
      ),
    },
  };
  void app.register(async (scope: ZodApp) => {
    refuseInItsShape(scope);
    scope.post("/api/chat/n8n", { schema }, async (request, reply) => {
      const { body } = request;
      if (body.action === "loadPreviousSession") return readPreviousSession(context, body.sessionId);
      const message = {
        sessionId: body.sessionId,
        chatInput: body.chatInput,
        metadata: body.metadata ?? {},
        addressKey: clientAddressKey(request.ip),
        traceparent: childTraceparent(request.headers.traceparent as string | undefined),
      };
      const form = wantsStream(request) ? streamedAnswer() : jsonAnswer();
      const answer = await sendFromN8n(context, message, form, (limits) => void reply.headers(limits));
      return reply.headers(HEADERS).type(form.contentType).send(answer);
    });
  });
}
