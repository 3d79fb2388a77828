import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import type { ChatMessage } from "@chat-relay/core/message";
import type { Metadata } from "@chat-relay/core/metadata";
import type { ChatSession } from "@chat-relay/core/session";
import { readAnswer } from "@chat-relay/database/read-answer";
import { findLastSaying } from "@chat-relay/database/read-messages";
import type { GatewayContext } from "../gateway-context.ts";
import type { HeaderSink } from "../rate-gate.ts";
import { sendMessage } from "../use-cases/send-message.ts";
import type { AnswerForm } from "./answer-form.ts";
import { AwaitedAnswer } from "./awaited-answer.ts";
import { openN8nSession } from "./n8n-session.ts";

/** What n8n's widget sends. */
export interface N8nMessage {
  sessionId: string;
  chatInput: string;
  metadata: Metadata;
  addressKey: string;
  traceparent: string;
}

function isPending({ status }: ChatMessage): boolean {
  return status === "queued" || status === "delivered";
}

// The same for all who say the same at once, at whichever gateways, and another once it has been said and answered.
function keyOf(text: string, lastSaid: ChatMessage | undefined): string {
  const digest = createHash("sha256").update(text, "utf8").digest("base64url");
  return `n8n:${digest}:${lastSaid?.sequence ?? 0}`;
}

/** The message that says so: one whose answer is pending, or a new one. */
async function sayOnce(
  context: GatewayContext,
  session: ChatSession,
  { chatInput, metadata, traceparent }: N8nMessage,
  tell: HeaderSink,
): Promise<ChatMessage> {
  const lastSaid = await findLastSaying(context.database, session.sessionId, chatInput);
  if (lastSaid !== undefined && isPending(lastSaid)) {
    await context.messagesGate.show(session.sessionId, tell);
    return lastSaid;
  }
  const idempotencyKey = keyOf(chatInput, lastSaid);
  const said = { session, content: chatInput, messageType: "text", metadata, idempotencyKey, traceparent } as const;
  return (await sendMessage(context, said, tell)).message;
}

/**
 * Accepts a message of n8n's widget as any other, and returns what its caller is answered, in the form given, while it waits.
 * The widget knows neither message ids nor retries: the same text again, while its answer is pending, waits for that answer.
 */
export async function sendFromN8n(
  context: GatewayContext,
  message: N8nMessage,
  form: AnswerForm,
  tell: HeaderSink,
): Promise<Readable> {
  const { config, database, live, logger, metrics, sameKey } = context;
  const session = await sameKey.run(`n8n session ${message.sessionId}`, () =>
    openN8nSession(context, message.sessionId, message.addressKey, tell),
  );
  const { sessionId } = session;
  const answer = new AwaitedAnswer({
    form,
    waitMs: config.n8nCompatWaitMs,
    bufferMaxBytes: config.streamBufferMaxBytes,
    read: (messageId) => readAnswer(database, messageId, config.replyMaxCount),
    onCut: () => metrics.streamsCut.inc(),
    onError: (error) => logger.warn({ err: error }, "answer.read_failed"),
  });
  // Before it is accepted: once it is, there must be a place to wait in, and nothing of its answer may be missed.
  const place = await live.join(sessionId, answer);
  try {
    const { id } = await sameKey.run(`n8n message ${sessionId}`, () => sayOnce(context, session, message, tell));
    answer.begin(place, id);
    return answer.body;
  } catch (error) {
    place.leave();
    throw error;
  }
}
