import { forgetPieces } from "@chat-relay/bus/live-log";
import type { ChatConfig } from "@chat-relay/core/config";
import { ChatError } from "@chat-relay/core/errors";
import { isId, newId } from "@chat-relay/core/ids";
import type { ChatMessage } from "@chat-relay/core/message";
import type { RateLimitState } from "@chat-relay/core/rate-limit-headers";
import { childTraceparent } from "@chat-relay/core/trace-context";
import type { Database } from "@chat-relay/database/database";
import { createRateLimiter, type RateLimiter } from "@chat-relay/database/rate-limiter";
import {
  findReplyByCallback,
  recordReply,
  replyLimitKey,
  type RecordedReply,
  type RecordReplyResult,
} from "@chat-relay/database/record-reply";
import type { OutboxPublisher } from "@chat-relay/outbox/publisher";
import { LRUCache } from "lru-cache";
import { overLimit } from "./consume-limit.ts";
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
  /** Messages whose reply came in pieces lately. */
  pieced: LRUCache<string, true>;
}

const PIECED_MAX = 10_000;

function record(parts: Parts, callback: ReplyCallback, callbackId: string): Promise<RecordReplyResult> {
  const { sessionId, replyTo = null, content, messageType, metadata = {} } = callback;
  const reply = { id: newId(), sessionId, replyTo, content, messageType, metadata, callbackId };
  return recordReply(parts.database, reply, parts.limiter);
}

/**
 * The finished reply takes the place of its pieces. What stays of them, those that another receiver took for instance, is
 * shown to nobody and goes when its time is up.
 */
function forgetLive({ bus, pieced }: Parts, { sessionId, replyTo }: ChatMessage): void {
  if (replyTo !== null && pieced.delete(replyTo)) forgetPieces(bus, sessionId, replyTo).catch(() => undefined);
}

/** A repeat of a callback that was taken is answered as one, whatever is in it this time. */
async function earlierReply({ database }: Parts, request: SignedCallback, error: unknown): Promise<TakenReply> {
  const earlier = error instanceof ChatError ? await findReplyByCallback(database, request.callbackId) : undefined;
  if (earlier === undefined) throw error;
  return { ...earlier, duplicate: true };
}

/** Tells what was counted, or how the limit stands when the callback took nothing from it. */
async function tellLimit(
  { limiter }: Parts,
  { onLimit }: SignedCallback,
  sessionId: string,
  counted: RateLimitState | undefined,
): Promise<void> {
  const state = counted ?? (await limiter?.read(replyLimitKey(sessionId)));
  if (state !== undefined) onLimit(state);
}

async function takeReply(parts: Parts, request: SignedCallback, callback: ReplyCallback): Promise<TakenReply> {
  const result = await record(parts, callback, request.callbackId);
  await tellLimit(parts, request, callback.sessionId, result.limit);
  if (result.kind === "duplicate") return { ...result.reply, duplicate: true };
  if (result.kind === "limited") throw overLimit(result.limit);
  if (result.kind !== "recorded") throw REFUSALS[result.kind]();
  const { id: messageId, sessionId, sequence } = result.message;
  parts.publisher.publishChanges([result.change]); // first: the visitor waits for it
  parts.publisher.publishReplies([result.message], childTraceparent(request.traceparent));
  parts.publisher.publishTokens(result.announcements);
  forgetLive(parts, result.message);
  return { messageId, sessionId, sequence, duplicate: false };
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
  const pieced = new LRUCache<string, true>({ max: PIECED_MAX });
  const parts = { ...dependencies, limiter, parse: createCallbackParser(config), pieced };
  const takePiece = createTakePiece(dependencies);
  return async (request: SignedCallback): Promise<TakenReply | TakenPiece> => {
    let callback: Callback;
    try {
      callback = parseCallback(parts, request);
    } catch (error) {
      return earlierReply(parts, request, error);
    }
    if (callback.kind === "piece") {
      const taken = await takePiece(request, callback.piece);
      pieced.set(callback.piece.replyTo, true);
      return taken;
    }
    return takeReply(parts, request, callback.reply);
  };
}
