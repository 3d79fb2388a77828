import { rateLimitHeaders, type RateLimitState } from "@chat-relay/core/rate-limit-headers";
import type { FastifyReply } from "fastify";

/** Tells the caller how its rate limit stands. */
export function showLimit(reply: FastifyReply, state: RateLimitState): void {
  void reply.headers(rateLimitHeaders(state));
}
