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
  const { session, ...data } = message;
  const { callbackUrl, ...fields } = data;
  const body = {
    type: "chat.message.sent",
    timestamp: message.createdAt,
    data: { ...fields, session, callbackUrl },
    action: "sendMessage",
    sessionId: session.id,
    chatInput: message.content,
    metadata: { ...session.metadata, ...message.metadata },
  };
  return Buffer.from(JSON.stringify(body), "utf8");
}
