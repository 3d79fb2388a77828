import type { IExecuteFunctions } from "n8n-workflow";
import { textOf } from "./text-of.ts";

/** What the Chat Relay node is set to do with one item. */
export interface NodeSettings {
  operation: "sendReply" | "sendPiece" | "speak";
  answerTo: "startingMessage" | "given";
  sessionId: string;
  messageId: string;
  text: string;
  offset: number;
  metadata: unknown;
}

function parsed(metadata: unknown): unknown {
  return typeof metadata === "string" ? JSON.parse(metadata || "{}") : metadata;
}

/** Reads the settings, expressions resolved; those that the operation does not show are their defaults. */
export function settingsOf(context: IExecuteFunctions, itemIndex: number): NodeSettings {
  const parameter = (name: string, fallback: unknown) => context.getNodeParameter(name, itemIndex, fallback);
  const { metadata = {} } = parameter("options", {}) as { metadata?: unknown };
  return {
    operation: parameter("operation", "sendReply") as NodeSettings["operation"],
    answerTo: parameter("answerTo", "startingMessage") as NodeSettings["answerTo"],
    sessionId: textOf(parameter("sessionId", "")),
    messageId: textOf(parameter("messageId", "")),
    text: textOf(parameter("text", "")),
    offset: Number(parameter("offset", 0)),
    metadata: parsed(metadata),
  };
}
