import { setTimeout as delay } from "node:timers/promises";
import { signWebhook, type WebhookKey } from "@chat-relay/core/webhook-signature";
import type { BotMessage } from "./sample-bot-message.ts";

export interface CallbackOptions {
  key: WebhookKey;
  message: BotMessage;
  text: string;
  /** Before the first attempt. */
  afterMs: number;
  signal: AbortSignal;
}

export type CallbackResult = { ok: true; attempts: number } | { ok: false; attempts: number; reason: string };

const MAX_ATTEMPTS = 8;
const FIRST_RETRY_MS = 500;
const TIMEOUT_MS = 10_000;

/**
 * Sends a reply to chat-relay's receiver. The webhook-id follows from the message, so however often a message is
 * delivered and however often the callback is repeated, the visitor sees one reply.
 */
export async function sendCallback({ key, message, text, afterMs, signal }: CallbackOptions): Promise<CallbackResult> {
  const id = `later-${message.messageId}`;
  const body = Buffer.from(JSON.stringify({ sessionId: message.sessionId, replyTo: message.messageId, content: text }));
  await delay(afterMs, undefined, { signal });
  for (let attempt = 1; ; attempt += 1) {
    const reason = await post(message.callbackUrl, key, id, body, signal);
    if (reason === undefined) return { ok: true, attempts: attempt };
    if (!reason.retry || attempt === MAX_ATTEMPTS) return { ok: false, attempts: attempt, reason: reason.text };
    await delay(FIRST_RETRY_MS * 2 ** (attempt - 1), undefined, { signal });
  }
}

interface Failure {
  text: string;
  retry: boolean;
}

async function post(
  url: string,
  key: WebhookKey,
  id: string,
  body: Buffer<ArrayBuffer>,
  stop: AbortSignal,
): Promise<Failure | undefined> {
  const timestamp = Math.floor(Date.now() / 1_000);
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(key, id, timestamp, body),
  };
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), stop]);
    const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "error" });
    await response.body?.cancel();
    if (response.ok) return undefined;
    return { text: `status ${response.status}`, retry: response.status >= 500 || response.status === 429 };
  } catch (error) {
    stop.throwIfAborted();
    return { text: (error as Error).name, retry: true };
  }
}
