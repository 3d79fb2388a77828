import type { FastifyInstance } from "fastify";

/**
 * Hands every body on as the bytes that were signed. Fastify would refuse a content type that it cannot read before the
 * signature was looked at, so it does not get to see it.
 */
export function keepRawBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser<Buffer>("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  scope.addHook("onRequest", async (request) => {
    delete request.raw.headers["content-type"];
  });
}
