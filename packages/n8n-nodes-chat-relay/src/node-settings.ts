import type { IExecuteFunctions } from "n8n-workflow";
import { jsonObjectOf } from "./json-object-of.ts";
import { textOf } from "./text-of.ts";

/** What the Chat Relay node is set to do with one item. */
export interface NodeSettings {
  operation: "sendReply" | "sendPiece" | "speak" | "getHistory";
  answerTo: "startingMessage" | "given";
  sessionId: string;
  messageId: string;
  text: string;
  offset: number;
  limit: number;
  /** Empty for the newest messages. */
  before: string;
  /** Undefined when what was given is no JSON object. */
  metadata: Record<string, unknown> | undefined;
  /** Empty when the workflow gives none. */
  idempotencyKey: string;
}

/** Reads the settings, expressions resolved; those that the operation does not show are their defaults. */
export function settingsOf(context: IExecuteFunctions, itemIndex: number): NodeSettings {
  const parameter = (name: string, fallback: unknown) => context.getNodeParameter(name, itemIndex, fallback);
  const options = parameter("options", {}) as Record<"before" | "idempotencyKey" | "metadata", unknown>;
  return {
    operation: parameter("operation", "sendReply") as NodeSettings["operation"],
    answerTo: parameter("answerTo", "startingMessage") as NodeSettings["answerTo"],
    sessionId: textOf(parameter("sessionId", "")),
    messageId: textOf(parameter("messageId", "")),
    text: textOf(parameter("text", "")),
    offset: Number(parameter("offset", 0)),
    limit: Number(parameter("limit", 50)),
    before: textOf(options.before),
    metadata: jsonObjectOf(options.metadata),
    idempotencyKey: textOf(options.idempotencyKey),
  };
}
