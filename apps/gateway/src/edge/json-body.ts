import { ChatError } from "@chat-relay/core/errors";
import type { FastifyInstance } from "fastify";
import secureJson from "secure-json-parse";

const decoder = new TextDecoder("utf-8", { fatal: true });

// The parsers' own messages quote the text, which is the visitor's: they go nowhere.
function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return {};
  try {
    return secureJson.parse(decoder.decode(bytes));
  } catch {
    throw new ChatError(
      "malformed_json",
      "The body must be JSON in UTF-8, without __proto__ or constructor.prototype keys",
    );
  }
}

/** Bodies are JSON in well-formed UTF-8 and nothing else; an empty one is `{}`. */
export function acceptJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, bytes: Buffer) =>
    parseJson(bytes),
  );
  // Told by its bytes, not by its label: an empty body that comes in chunks announces no length.
  app.addContentTypeParser("*", { parseAs: "buffer" }, async (_request: unknown, bytes: Buffer) => {
    if (bytes.length === 0) return {};
    throw new ChatError("unsupported_media_type", "The content type must be application/json");
  });
  // An empty body is `{}`, whatever a client calls it: `curl -d ''` says that it is a form.
  app.addHook("onRequest", async (request) => {
    if (request.headers["content-length"] === "0") delete request.raw.headers["content-type"];
  });
  // Without content type and body nothing was parsed; `null` is a body, and a wrong one.
  app.addHook("preValidation", async (request) => {
    if (request.body === undefined && request.routeOptions.schema?.body !== undefined) request.body = {};
  });
}
