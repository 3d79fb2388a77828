import { signWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import { webhookBody } from "@chat-relay/core/webhook-body";
import { Agent, type Dispatcher } from "undici";
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

/** An answer, of which only the status counts. */
class Answer implements Dispatcher.DispatchHandler {
  readonly status: Promise<number>;
  #resolve: (status: number) => void;
  #reject: (error: Error) => void;
  #seen = 0;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.status = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  // undici asks for both.
  onRequestStart(): void {}
  onResponseData(): void {}

  onResponseStart(_controller: unknown, status: number): void {
    this.#seen = status;
  }

  onResponseEnd(): void {
    this.#resolve(this.#seen);
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#reject(error);
  }
}

/** The call that all peers make, with the quickest client there is: what differs between them is the queue. */
export function createDeliver({ n8nUrl, secret, port }: PeerSettings): Deliver {
  const key = webhookKeys(secret)[0] as WebhookKey;
  const callbackUrl = `http://127.0.0.1:${port}/api/chat/webhook`;
  const agent = new Agent({ headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  const { origin, pathname: path } = new URL(n8nUrl);
  return async (message) => {
    const body = bodyOf(message, callbackUrl);
    const timestamp = Math.floor(Date.now() / 1_000);
    const headers = {
      "content-type": "application/json",
      "webhook-id": message.id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": signWebhook(key, message.id, timestamp, body),
    };
    const answer = new Answer();
    agent.dispatch({ origin, path, method: "POST", headers, body }, answer);
    const status = await answer.status;
    if (status > 299) throw new Error(`n8n answered ${status}`);
  };
}
