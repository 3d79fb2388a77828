import { callbackSchema, PIECE_CALLBACK_TYPE, pieceCallbackSchema } from "@chat-relay/core/api-schemas";
import type { ChatConfig } from "@chat-relay/core/config";
import { ChatError } from "@chat-relay/core/errors";
import { parseInput } from "@chat-relay/core/validation";

export type ReplyCallback = ReturnType<ReturnType<typeof callbackSchema>["parse"]>;
export type PieceCallback = ReturnType<ReturnType<typeof pieceCallbackSchema>["parse"]>;

export type Callback = { kind: "reply"; reply: ReplyCallback } | { kind: "piece"; piece: PieceCallback };

export type ParseCallback = (contentType: string | undefined, body: Buffer) => Callback;

const JSON_TYPE = /^application\/json[ \t]*(?:;.*)?$/i;

function parseJson(body: Buffer): unknown {
  try {
    // Fatal: bytes that are no UTF-8 must not turn into other text than was signed.
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new ChatError("malformed_json", "The body is not valid JSON in UTF-8"); // V8's message would quote the body
  }
}

function isPiece(json: unknown): boolean {
  return typeof json === "object" && json !== null && "type" in json && json.type === PIECE_CALLBACK_TYPE;
}

/** Reads a callback whose signature was verified; throws what its sender may know. */
export function createCallbackParser(config: ChatConfig): ParseCallback {
  const [replySchema, pieceSchema] = [callbackSchema(config), pieceCallbackSchema(config)];
  return (contentType, body) => {
    if (contentType === undefined || !JSON_TYPE.test(contentType)) {
      throw new ChatError("unsupported_media_type", "The content type must be application/json");
    }
    const json = parseJson(body);
    if (isPiece(json)) return { kind: "piece", piece: parseInput(pieceSchema, json) };
    return { kind: "reply", reply: parseInput(replySchema, json) };
  };
}
