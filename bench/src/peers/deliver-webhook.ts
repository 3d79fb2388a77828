import { signWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import { webhookBody } from "@chat-relay/core/webhook-body";
import { Agent, request } from "undici";
import type { PeerMessage } from "./peer-message.ts";
import type { Deliver, PeerSettings } from "./peer.ts";

const TIMEOUT_MS = 120_000;

function bodyOf({ id, sessionId, content, createdAt }: PeerMessage, callbackUrl: string): Buffer {
  const session = { id: sessionId, userId: null, authenticated: false, metadata: {}, createdAt };
  return webhookBody({
    messageId: id,
    sequence: 1,
    content,
    messageType: "text",
    metadata: {},
    createdAt,
    callbackUrl,
    session,
  });
}

/** The call that all peers make, with the quickest client there is: what differs between them is the queue. */
export function createDeliver({ n8nUrl, secret, port }: PeerSettings): Deliver {
  const key = webhookKeys(secret)[0] as WebhookKey;
  const callbackUrl = `http://127.0.0.1:${port}/api/chat/webhook`;
  const dispatcher = new Agent({ headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  return async (message) => {
    const body = bodyOf(message, callbackUrl);
    const timestamp = Math.floor(Date.now() / 1_000);
    const headers = {
      "content-type": "application/json",
      "webhook-id": message.id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": signWebhook(key, message.id, timestamp, body),
    };
    const response = await request(n8nUrl, { method: "POST", headers, body, dispatcher });
    await response.body.dump();
    if (response.statusCode > 299) throw new Error(`n8n answered ${response.statusCode}`);
  };
}
