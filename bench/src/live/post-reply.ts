import { randomUUID } from "node:crypto";
import { signWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";

/** Where replies are taken, and how they are signed. */
export interface ReplyDesk {
  receiverUrl: string;
  secret: string;
}

/** What a workflow says unasked: a reply that comes to all who read the session. */
export async function postReply({ receiverUrl, secret }: ReplyDesk, sessionId: string): Promise<void> {
  const id = randomUUID();
  const body = Buffer.from(
    JSON.stringify({ sessionId, content: "The parcel is on its way, it will be there tomorrow." }),
  );
  const timestamp = Math.floor(Date.now() / 1_000);
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(webhookKeys(secret)[0] as WebhookKey, id, timestamp, body),
  };
  const response = await fetch(`${receiverUrl}/api/chat/webhook`, { method: "POST", headers, body });
  if (response.status !== 200) throw new Error(`a reply was answered ${response.status}: ${await response.text()}`);
  await response.body?.cancel();
}
