import { ChatError } from "@chat-relay/core/errors";

// Fatal: bytes that are no UTF-8 must not turn into other text than was signed.
const decoder = new TextDecoder("utf-8", { fatal: true });
const JSON_TYPE = /^application\/json[ \t]*(?:;.*)?$/i;

/** The JSON of a verified request; throws `unsupported_media_type` or `malformed_json`. */
export function parseSignedJson(contentType: string | undefined, body: Buffer): unknown {
  if (contentType === undefined || !JSON_TYPE.test(contentType)) {
    throw new ChatError("unsupported_media_type", "The content type must be application/json");
  }
  try {
    return JSON.parse(decoder.decode(body));
  } catch {
    throw new ChatError("malformed_json", "The body is not valid JSON in UTF-8"); // V8's message would quote the body
  }
}
