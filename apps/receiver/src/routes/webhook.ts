import { ChatError } from "@chat-relay/core/errors";
import { rateLimitHeaders, type RateLimitState } from "@chat-relay/core/rate-limit-headers";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ReceiverDependencies } from "../app.ts";
import { createAuthentication, NOT_AUTHENTIC, type Authenticate } from "../authenticate-callback.ts";
import { createCallbackCounter } from "../callback-counter.ts";
import { singleHeader } from "../single-header.ts";
import { createTakeCallback } from "../take-callback.ts";

const PATH = "/api/chat/webhook";
const RETRY_AFTER_SECONDS = 2;
const NO_BODY = Buffer.alloc(0);

/**
 * Hands every body on as the bytes that were signed. Fastify would refuse a content type that it cannot read before the
 * signature was looked at, so it does not get to see it.
 */
function keepRawBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser<Buffer>("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  scope.addHook("onRequest", async (request) => {
    delete request.raw.headers["content-type"];
  });
}

function showLimit(reply: FastifyReply, state: RateLimitState): void {
  void reply.headers(rateLimitHeaders(state));
}

/** The verified `webhook-id`, or a refusal that does not say why. */
async function authenticated(
  authenticate: Authenticate,
  request: FastifyRequest,
  reply: FastifyReply,
  body: Buffer,
): Promise<string> {
  const result = await authenticate({
    id: singleHeader(request.raw, "webhook-id"),
    timestamp: singleHeader(request.raw, "webhook-timestamp"),
    signature: singleHeader(request.raw, "webhook-signature"),
    body,
    address: request.ip,
  });
  if (result.ok) return result.callbackId;
  request.log.warn({ reason: result.reason }, "callback.refused");
  if (result.limit !== undefined) showLimit(reply, result.limit);
  if (result.limit?.allowed === false) {
    const retryAfterSeconds = result.limit.resetSeconds;
    throw new ChatError("rate_limited", "Too many refused callbacks from this address", { retryAfterSeconds });
  }
  throw new ChatError(NOT_AUTHENTIC.code, NOT_AUTHENTIC.detail);
}

/** The callback route and its check. */
export function webhookRoutes(scope: FastifyInstance, dependencies: ReceiverDependencies): void {
  const authenticate = createAuthentication(dependencies);
  const takeCallback = createTakeCallback(dependencies);
  const counter = createCallbackCounter(dependencies.registry);
  keepRawBodies(scope);

  /** Takes a signed callback of n8n: 200 once the reply is committed, or its piece sent on. */
  scope.post(
    PATH,
    { onResponse: async (_request, reply) => counter.refused(reply.statusCode) },
    async (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : NO_BODY;
      const callbackId = await authenticated(authenticate, request, reply, body);
      const taken = await takeCallback({
        callbackId,
        body,
        contentType: singleHeader(request.raw, "content-type"),
        traceparent: singleHeader(request.raw, "traceparent"),
        onLimit: (state) => showLimit(reply, state),
      });
      if ("accepted" in taken) {
        counter.taken("piece");
        return taken;
      }
      counter.taken(taken.duplicate ? "duplicate" : "recorded");
      const { messageId, sessionId, sequence, duplicate } = taken;
      request.log.info(
        { callbackId, messageId, sessionId, sequence },
        duplicate ? "callback.repeated" : "callback.recorded",
      );
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
