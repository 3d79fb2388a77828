import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";

const REQUEST_HEADERS = [
  "authorization",
  "content-type",
  "idempotency-key",
  "x-request-id",
  "traceparent",
  "last-event-id",
];
const EXPOSED_HEADERS = ["x-request-id", "RateLimit", "RateLimit-Policy", "Retry-After"];
const PREFLIGHT_MAX_AGE_S = 600;

/**
 * CORS for exactly the origins given: another one, however much it looks like one of them, gets no CORS header at all.
 * No credentials: tokens are sent by the page, never by the browser on its own.
 */
export async function allowOrigins(app: FastifyInstance, allowedOrigins: readonly string[]): Promise<void> {
  const allowed = new Set(allowedOrigins);
  await app.register(cors, {
    origin: (origin, decide) => decide(null, origin !== undefined && allowed.has(origin) ? origin : false),
    methods: ["GET", "POST", "DELETE"],
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_MAX_AGE_S,
    // Strict mode answers in plain text; an OPTIONS that asks for nothing is harmless.
    strictPreflight: false,
  });
}
