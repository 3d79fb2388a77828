import { callbackSchema, PIECE_CALLBACK_TYPE, pieceCallbackSchema } from "@chat-relay/core/api-schemas";
import type { ChatConfig } from "@chat-relay/core/config";
import { parseInput } from "@chat-relay/core/validation";
import { parseSignedJson } from "./signed-json.ts";

export type ReplyCallback = ReturnType<ReturnType<typeof callbackSchema>["parse"]>;
export type PieceCallback = ReturnType<ReturnType<typeof pieceCallbackSchema>["parse"]>;

export type Callback = { kind: "reply"; reply: ReplyCallback } | { kind: "piece"; piece: PieceCallback };

export type ParseCallback = (contentType: string | undefined, body: Buffer) => Callback;

function isPiece(json: unknown): boolean {
  return typeof json === "object" && json !== null && "type" in json && json.type === PIECE_CALLBACK_TYPE;
}

/** Reads a callback whose signature was verified; throws what its sender may know. */
export function createCallbackParser(config: ChatConfig): ParseCallback {
  const [replySchema, pieceSchema] = [callbackSchema(config), pieceCallbackSchema(config)];
  return (contentType, body) => {
    const json = parseSignedJson(contentType, body);
    if (isPiece(json)) return { kind: "piece", piece: parseInput(pieceSchema, json) };
    return { kind: "reply", reply: parseInput(replySchema, json) };
  };
}
