import helmet from "@fastify/helmet";
import type { FastifyInstance } from "fastify";

/** Nothing that the API answers is a page, so nothing in it may ever load, run or be framed. */
const NOTHING = {
  "default-src": ["'none'"],
  "base-uri": ["'none'"],
  "form-action": ["'none'"],
  "frame-ancestors": ["'none'"],
};

/** Headers that keep browsers from doing with an answer what it is not meant for. */
export async function sendSecurityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: NOTHING },
    // TLS ends at the operator's proxy, and the promise never to speak plain HTTP again (on any subdomain) is its to make.
    strictTransportSecurity: false,
    xFrameOptions: { action: "deny" },
  });
  // Answers are one visitor's or one moment's; pages that may be kept say so themselves.
  app.addHook("onRequest", async (_request, reply) => {
    reply.header("cache-control", "no-store");
  });
}
