import { signWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import { WEBHOOK_SECRET } from "./product-env.ts";
import { rawRequest, type RawAnswer, type RawRequest } from "./raw-http.ts";
import type { SupervisedService } from "./supervised-service.ts";

export const CALLBACK_PATH = "/api/chat/webhook";

const KEY = webhookKeys(WEBHOOK_SECRET)[0] as WebhookKey;

export interface Callback extends Pick<RawRequest, "from" | "giveUpMs"> {
  id: string;
  /** What is signed; an object as its JSON. */
  body: object | string | Buffer;
  /** What is sent instead of what was signed. */
  sentBody?: string | Buffer;
  /** How long ago it was signed; now by default. */
  ageSeconds?: number;
  key?: WebhookKey;
  /** Over or beside the signed ones; undefined leaves one out. */
  headers?: RawRequest["headers"];
}

/** What a receiver answers to a callback that it took. */
export interface Taken {
  messageId: string;
  sessionId: string;
  sequence: number;
  duplicate: boolean;
}

function toBytes(body: Callback["body"]): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

/** The request that a workflow would send, forged where the callback says so. */
export function callbackRequest(callback: Callback): RawRequest {
  const { id, ageSeconds = 0, key = KEY, headers, sentBody } = callback;
  const body = toBytes(callback.body);
  const timestamp = Math.floor(Date.now() / 1_000) - ageSeconds;
  const signed = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(key, id, timestamp, body),
  };
  const wire = {
    from: callback.from ?? "127.0.0.1",
    ...(callback.giveUpMs === undefined ? {} : { giveUpMs: callback.giveUpMs }),
  };
  return { path: CALLBACK_PATH, headers: { ...signed, ...headers }, body: sentBody ?? body, ...wire };
}

/** Posts a callback once. */
export function postCallback(receiver: SupervisedService, callback: Callback): Promise<RawAnswer> {
  return rawRequest(receiver.url, callbackRequest(callback));
}

/** What the receiver took, or an error that quotes its refusal. */
export function taken(answer: RawAnswer): Taken {
  if (answer.status !== 200) throw new Error(`the callback was answered ${answer.status}: ${answer.text}`);
  return JSON.parse(answer.text) as Taken;
}
