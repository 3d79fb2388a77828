import { ChatError } from "@chat-relay/core/errors";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ReceiverDependencies } from "./app.ts";
import { createAuthentication, NOT_AUTHENTIC } from "./authenticate-callback.ts";
import { showLimit } from "./show-limit.ts";
import { singleHeader } from "./single-header.ts";

const NO_BODY = Buffer.alloc(0);

/** A request whose signature was verified. */
export interface VerifiedRequest {
  /** Its `webhook-id`. */
  id: string;
  contentType: string | undefined;
  body: Buffer;
}

/** The verified request, or a refusal that does not say why: 401, or 429 once the address had too many of them. */
export type VerifyRequest = (request: FastifyRequest, reply: FastifyReply) => Promise<VerifiedRequest>;

/** For all signed routes: an address has one budget of refusals, whichever of them it tries. */
export function createVerifyRequest(dependencies: Pick<ReceiverDependencies, "config" | "database">): VerifyRequest {
  const authenticate = createAuthentication(dependencies);
  return async (request, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body : NO_BODY;
    const result = await authenticate({
      id: singleHeader(request.raw, "webhook-id"),
      timestamp: singleHeader(request.raw, "webhook-timestamp"),
      signature: singleHeader(request.raw, "webhook-signature"),
      body,
      address: request.ip,
    });
    if (result.ok) return { id: result.callbackId, contentType: singleHeader(request.raw, "content-type"), body };
    request.log.warn({ reason: result.reason }, "callback.refused");
    if (result.limit !== undefined) showLimit(reply, result.limit);
    if (result.limit?.allowed === false) {
      const retryAfterSeconds = result.limit.resetSeconds;
      throw new ChatError("rate_limited", "Too many refused requests from this address", { retryAfterSeconds });
    }
    throw new ChatError(NOT_AUTHENTIC.code, NOT_AUTHENTIC.detail);
  };
}
