import { ChatError } from "@chat-relay/core/errors";
import type { FastifyInstance } from "fastify";
import type { ReceiverDependencies } from "../app.ts";
import { createCallbackCounter } from "../callback-counter.ts";
import { showLimit } from "../show-limit.ts";
import { singleHeader } from "../single-header.ts";
import { createTakeCallback } from "../take-callback.ts";
import type { VerifyRequest } from "../verify-request.ts";

const PATH = "/api/chat/webhook";
const RETRY_AFTER_SECONDS = 2;

/** The callback route and its check. */
export function webhookRoutes(
  scope: FastifyInstance,
  dependencies: ReceiverDependencies,
  verifyRequest: VerifyRequest,
): void {
  const takeCallback = createTakeCallback(dependencies);
  const counter = createCallbackCounter(dependencies.registry);

  /** Takes a signed callback of n8n: 200 once the reply is committed, or its piece sent on. */
  scope.post(
    PATH,
    { onResponse: async (_request, reply) => counter.refused(reply.statusCode) },
    async (request, reply) => {
      const { id: callbackId, contentType, body } = await verifyRequest(request, reply);
      const taken = await takeCallback({
        callbackId,
        body,
        contentType,
        traceparent: singleHeader(request.raw, "traceparent"),
        onLimit: (state) => showLimit(reply, state),
      });
      if ("accepted" in taken) {
        counter.taken("piece");
        return taken;
      }
      counter.taken(taken.duplicate ? "duplicate" : "recorded");
      const { messageId, sessionId, sequence, duplicate } = taken;
      request.outcome = { callback: duplicate ? "repeated" : "recorded", callbackId, messageId, sessionId, sequence };
      return taken;
    },
  );

  /** Whether a callback could be taken now; for people and monitors that set up a workflow. */
  scope.get(PATH, async () => {
    const { status } = await dependencies.health.read();
    if (status === "ready") return { status: "ok", service: "receiver" };
    throw new ChatError("unavailable", "Callbacks cannot be taken now; try again", {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  });
}
