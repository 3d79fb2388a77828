import { newId } from "@chat-relay/core/ids";
import { webhookBody } from "@chat-relay/core/webhook-body";
import { signWebhook } from "@chat-relay/core/webhook-signature";
import { SECRET } from "./n8n-setup.ts";

/** A webhook as the dispatcher sends it, to be forged where a test says so. */
export interface SignedCall {
  body: Buffer;
  headers: Record<string, string>;
}

interface SignedCallOptions {
  ageSeconds: number;
  secret: string;
  sessionId: string;
  messageId: string;
  callbackUrl: string;
}

const NOWHERE = "http://127.0.0.1:9/api/chat/webhook";

/** A message, a new one in a session of its own unless they are given, signed `ageSeconds` ago. */
export function signedCall(content: string, options: Partial<SignedCallOptions> = {}): SignedCall {
  const { ageSeconds = 0, secret = SECRET, sessionId = newId(), messageId = newId(), callbackUrl = NOWHERE } = options;
  const createdAt = new Date().toISOString();
  const fixed = { messageType: "text", metadata: { from: "Zürich" }, createdAt } as const;
  const session = { id: sessionId, userId: null, authenticated: false, metadata: {}, createdAt };
  const body = webhookBody({ messageId, sequence: 1, content, ...fixed, callbackUrl, session });
  const timestamp = Math.floor(Date.now() / 1_000) - ageSeconds;
  const headers = {
    "content-type": "application/json",
    "webhook-id": messageId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(Buffer.from(secret), messageId, timestamp, body),
  };
  return { body, headers };
}

/** What n8n answered, and when its first words came. */
export interface DirectAnswer {
  status: number;
  text: string;
  /** When the first piece of a stream was there; null when it was none. */
  firstPieceMs: number | null;
  finishedMs: number;
}

const PIECE = /"type":"item","content":"[^"]/;

/** Calls n8n without chat-relay between. */
export async function callDirectly(url: string, { body, headers }: SignedCall): Promise<DirectAnswer> {
  const startedAtMs = performance.now();
  const sinceMs = () => performance.now() - startedAtMs;
  const response = await fetch(url, { method: "POST", headers: { ...headers, "accept-encoding": "identity" }, body });
  let text = "";
  let firstPieceMs: number | null = null;
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (firstPieceMs === null && PIECE.test(text)) firstPieceMs = sinceMs();
  }
  return { status: response.status, text, firstPieceMs, finishedMs: sinceMs() };
}
