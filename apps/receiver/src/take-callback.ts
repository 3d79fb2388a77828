import type { ChatConfig } from "@chat-relay/core/config";
import { ChatError } from "@chat-relay/core/errors";
import { isId, newId } from "@chat-relay/core/ids";
import type { RateLimitState } from "@chat-relay/core/rate-limit-headers";
import { childTraceparent } from "@chat-relay/core/trace-context";
import type { Database } from "@chat-relay/database/database";
import { createRateLimiter, type RateLimiter } from "@chat-relay/database/rate-limiter";
import {
  findReplyByCallback,
  recordReply,
  type RecordedReply,
  type RecordReplyResult,
} from "@chat-relay/database/record-reply";
import type { OutboxPublisher } from "@chat-relay/outbox/publisher";
import { createCallbackParser, type Callback, type ParseCallback } from "./parse-callback.ts";

export interface SignedCallback {
  /** The verified `webhook-id`. */
  callbackId: string;
  contentType: string | undefined;
  body: Buffer;
  traceparent: string | undefined;
  /** Told how the session's rate limit stands. */
  onLimit: (state: RateLimitState) => void;
}

export interface TakenCallback extends RecordedReply {
  duplicate: boolean;
}

interface Parts {
  database: Database;
  publisher: Pick<OutboxPublisher, "publishReplies" | "publishTokens">;
  limiter: RateLimiter | undefined;
  parse: ParseCallback;
}

const REFUSALS = {
  session_not_found: () => new ChatError("session_not_found", "There is no such session"),
  reply_to_not_found: () => new ChatError("not_found", "replyTo is no message that is known"),
  reply_to_conflict: () => new ChatError("conflict", "replyTo is not a visitor's message of this session"),
} satisfies Partial<Record<RecordReplyResult["kind"], () => ChatError>>;

async function consumeLimit({ limiter }: Parts, sessionId: string, onLimit: SignedCallback["onLimit"]): Promise<void> {
  const state = await limiter?.consume(`session:${sessionId}`);
  if (state === undefined) return;
  onLimit(state);
  if (state.allowed) return;
  const retryAfterSeconds = state.resetSeconds;
  throw new ChatError("rate_limited", "Too many callbacks for this session", { retryAfterSeconds });
}

function record({ database }: Parts, callback: Callback, callbackId: string): Promise<RecordReplyResult> {
  const { sessionId, replyTo = null, content, messageType, metadata = {} } = callback;
  return recordReply(database, { id: newId(), sessionId, replyTo, content, messageType, metadata, callbackId });
}

async function takeNew(parts: Parts, request: SignedCallback, callback: Callback): Promise<TakenCallback> {
  const result = await record(parts, callback, request.callbackId);
  if (result.kind === "duplicate") return { ...result.reply, duplicate: true };
  if (result.kind !== "recorded") throw REFUSALS[result.kind]();
  const { id: messageId, sessionId, sequence } = result.message;
  parts.publisher.publishReplies([result.message], childTraceparent(request.traceparent));
  parts.publisher.publishTokens(result.announcements);
  return { messageId, sessionId, sequence, duplicate: false };
}

/** A repeat of a callback that was taken is answered as one, whatever is in it this time. */
async function earlierReply({ database }: Parts, request: SignedCallback, error: unknown): Promise<TakenCallback> {
  const earlier = error instanceof ChatError ? await findReplyByCallback(database, request.callbackId) : undefined;
  if (earlier === undefined) throw error;
  return { ...earlier, duplicate: true };
}

async function takeLimited(parts: Parts, request: SignedCallback, callback: Callback): Promise<TakenCallback> {
  const taken = await consumeLimit(parts, callback.sessionId, request.onLimit)
    .then(() => takeNew(parts, request, callback))
    .catch((error: unknown) => earlierReply(parts, request, error));
  // A repeat costs nothing, also one that was over the limit: it was counted too.
  if (taken.duplicate) await parts.limiter?.refund(`session:${callback.sessionId}`).catch(() => undefined);
  return taken;
}

function parseCallback({ parse }: Parts, { contentType, body }: SignedCallback): Callback {
  const callback = parse(contentType, body);
  // Also keeps text of any length out of the limiter's keys.
  if (!isId(callback.sessionId)) throw REFUSALS.session_not_found();
  return callback;
}

/** Takes signed callbacks: returns once the reply is committed, or throws why it is refused. */
export function createTakeCallback({
  config,
  database,
  publisher,
}: { config: ChatConfig } & Pick<Parts, "database" | "publisher">) {
  const limiter = createRateLimiter(database, "webhooks", config.rateLimitWebhooks, config.rateLimitDisabled);
  const parts = { database, publisher, limiter, parse: createCallbackParser(config) };
  return async (request: SignedCallback): Promise<TakenCallback> => {
    let callback: Callback;
    try {
      callback = parseCallback(parts, request);
    } catch (error) {
      return earlierReply(parts, request, error);
    }
    return takeLimited(parts, request, callback);
  };
}
