import { forgetPieces } from "@chat-relay/bus/live-log";
import type { ChatConfig } from "@chat-relay/core/config";
import { ChatError } from "@chat-relay/core/errors";
import { isId, newId } from "@chat-relay/core/ids";
import type { ChatMessage } from "@chat-relay/core/message";
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
import { consumeLimit } from "./consume-limit.ts";
import { createCallbackParser, type Callback, type ParseCallback, type ReplyCallback } from "./parse-callback.ts";
import { REFUSALS } from "./refusals.ts";
import type { SignedCallback } from "./signed-callback.ts";
import { createTakePiece, type LiveLog, type TakenPiece } from "./take-piece.ts";

export interface TakenReply extends RecordedReply {
  duplicate: boolean;
}

interface Parts {
  database: Database;
  bus: LiveLog;
  publisher: Pick<OutboxPublisher, "publishChanges" | "publishReplies" | "publishTokens">;
  limiter: RateLimiter | undefined;
  parse: ParseCallback;
}

function record({ database }: Parts, callback: ReplyCallback, callbackId: string): Promise<RecordReplyResult> {
  const { sessionId, replyTo = null, content, messageType, metadata = {} } = callback;
  return recordReply(database, { id: newId(), sessionId, replyTo, content, messageType, metadata, callbackId });
}

/** The finished reply takes the place of its pieces. What stays of them is shown to nobody and goes when its time is up. */
function forgetLive({ bus }: Parts, { sessionId, replyTo }: ChatMessage): void {
  if (replyTo !== null) forgetPieces(bus, sessionId, replyTo).catch(() => undefined);
}

async function takeNew(parts: Parts, request: SignedCallback, callback: ReplyCallback): Promise<TakenReply> {
  const result = await record(parts, callback, request.callbackId);
  if (result.kind === "duplicate") return { ...result.reply, duplicate: true };
  if (result.kind !== "recorded") throw REFUSALS[result.kind]();
  const { id: messageId, sessionId, sequence } = result.message;
  parts.publisher.publishReplies([result.message], childTraceparent(request.traceparent));
  parts.publisher.publishTokens(result.announcements);
  parts.publisher.publishChanges([result.change]);
  forgetLive(parts, result.message);
  return { messageId, sessionId, sequence, duplicate: false };
}

/** A repeat of a callback that was taken is answered as one, whatever is in it this time. */
async function earlierReply({ database }: Parts, request: SignedCallback, error: unknown): Promise<TakenReply> {
  const earlier = error instanceof ChatError ? await findReplyByCallback(database, request.callbackId) : undefined;
  if (earlier === undefined) throw error;
  return { ...earlier, duplicate: true };
}

async function takeReply(parts: Parts, request: SignedCallback, callback: ReplyCallback): Promise<TakenReply> {
  const { limiter } = parts;
  const taken = await consumeLimit(limiter, callback.sessionId, request.onLimit)
    .then(() => takeNew(parts, request, callback))
    .catch((error: unknown) => earlierReply(parts, request, error));
  // A repeat costs nothing, also one that was over the limit: it was counted too.
  if (taken.duplicate) await limiter?.refund(`session:${callback.sessionId}`).catch(() => undefined);
  return taken;
}

function parseCallback({ parse }: Parts, { contentType, body }: SignedCallback): Callback {
  const callback = parse(contentType, body);
  const { sessionId } = callback.kind === "reply" ? callback.reply : callback.piece;
  // Also keeps text of any length out of the limiters' keys.
  if (!isId(sessionId)) throw REFUSALS.session_not_found();
  return callback;
}

/** Takes signed callbacks: returns once the reply is committed or the piece sent on, or throws why it is refused. */
export function createTakeCallback(
  dependencies: { config: ChatConfig } & Pick<Parts, "database" | "bus" | "publisher">,
) {
  const { config, database } = dependencies;
  const limiter = createRateLimiter(database, "webhooks", config.rateLimitWebhooks, config.rateLimitDisabled);
  const parts = { ...dependencies, limiter, parse: createCallbackParser(config) };
  const takePiece = createTakePiece(dependencies);
  return async (request: SignedCallback): Promise<TakenReply | TakenPiece> => {
    let callback: Callback;
    try {
      callback = parseCallback(parts, request);
    } catch (error) {
      return earlierReply(parts, request, error);
    }
    if (callback.kind === "piece") return takePiece(request, callback.piece);
    return takeReply(parts, request, callback.reply);
  };
}
