import type { FastifyReply } from "fastify";
import { z } from "zod";
import { guardedSession } from "../edge/session-guard.ts";
import type { ZodApp } from "../edge/zod-app.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { problems } from "../openapi/problem-responses.ts";

const DESCRIPTION = `Server-Sent Events, from when it opens until the session ends.

- \`ready\`: first of all, with an id.
- \`message\`: a \`ChatMessage\`, the visitor's or a reply, in the order of \`sequence\`.
- \`status\`: \`{ messageId, status, attempts }\` of a visitor's message, also after a failed attempt.
- \`delta\`: \`{ replyTo, block, offset, content }\`, a piece of a reply that is being written: the text of its block becomes its first \`offset\`
  UTF-16 units followed by \`content\`. Has no id. The finished \`message\` takes the place of all deltas with its \`replyTo\`.
- \`reset\`: the id that the reader came with is none of this session's; reload the history.
- \`end\`: the session has ended or expired; do not come back.

Every event but \`delta\` and \`end\` has an id. Who comes back with the last one misses nothing and gets nothing twice, at any gateway.`;

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

/**
 * Fastify waits for a response's end, to run the hooks of it, and keeps request and reply until then; its listener is the only
 * one to both events. How long a stream was open says nothing of how quick we are, and thousands are open: the hub tells of
 * their ends, and Fastify need not wait. Node keeps the request, whose headers are a browser's kilobytes and of no more use.
 */
function letGo({ raw }: FastifyReply): void {
  const onFinish = raw.rawListeners("finish");
  for (const listener of raw.rawListeners("error") as ((...given: unknown[]) => void)[]) {
    if (onFinish.includes(listener)) raw.off("finish", listener).off("error", listener);
  }
  raw.req.headers = {};
  raw.req.rawHeaders = [];
}

/** `GET /api/chat/stream/:sessionId`: the session live. */
export function streamRoute(scope: ZodApp, { live }: GatewayContext): void {
  const schema = {
    tags: ["Messages"],
    operationId: "followSession",
    summary: "The session, live",
    description: DESCRIPTION,
    security: [{ session: [] }],
    params: z.object({ sessionId: z.string() }),
    querystring: z.strictObject({
      lastEventId: z
        .string()
        .optional()
        .meta({ description: "As `Last-Event-ID`, for those who cannot send headers." }),
    }),
    headers: z.looseObject({
      "last-event-id": z.string().optional().meta({ description: "Go on after this event." }),
    }),
    response: {
      200: {
        description: "The stream.",
        content: { "text/event-stream": { schema: z.string() } },
      },
      ...problems("validation_failed", "unauthorized", "forbidden", "session_expired", "rate_limited"),
    },
  };
  scope.get("/api/chat/stream/:sessionId", { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { sessionId } = guardedSession(request);
    const lastEventId = request.headers["last-event-id"] || request.query.lastEventId || undefined;
    const begin = await live.open({ sessionId, requestId: request.id, response: reply.raw, lastEventId });
    reply.headers(HEADERS).hijack();
    letGo(reply);
    begin(reply.getHeaders());
  });
}
