import type { Metadata } from "./metadata.ts";
import type { MessageType } from "./message.ts";

/** What a webhook tells n8n. All of it is fixed when the message is accepted, so every attempt has the same bytes. */
export interface WebhookMessage {
  messageId: string;
  sequence: number;
  content: string;
  messageType: MessageType;
  metadata: Metadata;
  createdAt: string;
  callbackUrl: string;
  session: {
    id: string;
    userId: string | null;
    authenticated: boolean;
    metadata: Metadata;
    createdAt: string;
  };
}

/** The webhook's body: our event, and beside it the fields that an n8n Chat Trigger or AI Agent understands. */
export function webhookBody(message: WebhookMessage): Buffer {
  const { messageId, sequence, content, messageType, metadata, createdAt, callbackUrl, session } = message;
  const { id, userId, authenticated } = session;
  // Each object is written out: the bytes must not depend on the order in which a caller happened to build its own.
  const sessionData = { id, userId, authenticated, metadata: session.metadata, createdAt: session.createdAt };
  const body = {
    type: "chat.message.sent",
    timestamp: createdAt,
    data: { messageId, sequence, content, messageType, metadata, createdAt, session: sessionData, callbackUrl },
    action: "sendMessage",
    sessionId: id,
    chatInput: content,
    metadata: { ...session.metadata, ...metadata },
  };
  return Buffer.from(JSON.stringify(body), "utf8");
}
