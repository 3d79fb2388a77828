import type { ChatMessage } from "@chat-relay/core/message";
import { waitFor } from "./wait-for.ts";

export interface Visitor {
  sessionId: string;
  sessionToken: string;
  /** Sends a message; throws unless it is accepted. */
  send(content: string): Promise<ChatMessage>;
  messages(): Promise<ChatMessage[]>;
  /** Waits until the message has the status, and returns the history. */
  until(messageId: string, status: ChatMessage["status"]): Promise<ChatMessage[]>;
}

async function json<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** Opens a session at the gateway. */
export async function createVisitor(gatewayUrl: string): Promise<Visitor> {
  const created = await fetch(`${gatewayUrl}/api/chat/session`, { method: "POST" });
  const { sessionId, sessionToken } = await json<{ sessionId: string; sessionToken: string }>(created);
  const headers = { authorization: `Bearer ${sessionToken}`, "content-type": "application/json" };
  const messages = async () => {
    const response = await fetch(`${gatewayUrl}/api/chat/messages/${sessionId}`, { headers });
    return (await json<{ messages: ChatMessage[] }>(response)).messages;
  };
  return {
    sessionId,
    sessionToken,
    messages,
    async send(content) {
      const body = JSON.stringify({ sessionId, content });
      return json<ChatMessage>(await fetch(`${gatewayUrl}/api/chat/send`, { method: "POST", headers, body }));
    },
    until: (messageId, status) =>
      waitFor(
        `message to be ${status}`,
        async () => {
          const history = await messages();
          return history.some((message) => message.id === messageId && message.status === status) && history;
        },
        45_000,
      ),
  };
}
