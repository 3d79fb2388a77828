import { isDeepStrictEqual } from "node:util";
import type { ChatMessage, MessageType } from "@chat-relay/core/message";
import type { Metadata } from "@chat-relay/core/metadata";

export interface MessageContent {
  content: string;
  messageType: MessageType;
  metadata: Metadata;
}

/** Whether a repeated send says what the first one said. */
export function isSameMessage(
  given: MessageContent,
  stored: Pick<ChatMessage, "content" | "messageType" | "metadata">,
): boolean {
  // What was stored went through JSON once, where -0 became 0 and an overflowing number null.
  const metadata: unknown = JSON.parse(JSON.stringify(given.metadata));
  return (
    given.content === stored.content &&
    given.messageType === stored.messageType &&
    isDeepStrictEqual(metadata, stored.metadata)
  );
}
