import { newId, newSessionToken, hashToken } from "@chat-relay/core/ids";
import type { ChatMessage } from "@chat-relay/core/message";
import { acceptMessage } from "@chat-relay/database/accept-message";
import { createSession } from "@chat-relay/database/create-session";
import type { Database } from "@chat-relay/database/database";
import { recordReply } from "@chat-relay/database/record-reply";

const HOUR_MS = 3_600_000;

/** A new guest session; returns its id. */
export async function givenSession(database: Database, ttlMs = HOUR_MS): Promise<string> {
  const session = {
    id: newId(),
    tokenHash: hashToken(newSessionToken()),
    userId: null,
    authenticated: false,
    metadata: {},
    ttlMs,
  };
  return (await createSession(database, session)).sessionId;
}

export interface GivenMessage {
  message: ChatMessage;
  epoch: number | null;
}

/** An accepted message of the session. */
export async function givenMessage(database: Database, sessionId: string, content = "Hello!"): Promise<GivenMessage> {
  const result = await acceptMessage(database, {
    id: newId(),
    sessionId,
    content,
    messageType: "text",
    metadata: {},
    idempotencyKey: null,
    callbackUrl: "http://127.0.0.1:3001/api/chat/webhook",
    sessionTtlMs: HOUR_MS,
  });
  if (result.kind !== "accepted") throw new Error(`not accepted: ${result.kind}`);
  return { message: result.message, epoch: result.epoch };
}

/** So many messages of the session, each with its reply: "Question 1", "Answer 1" and so on. */
export async function givenExchanges(database: Database, sessionId: string, count: number): Promise<void> {
  for (let number = 1; number <= count; number += 1) {
    const { message } = await givenMessage(database, sessionId, `Question ${number}`);
    const reply = { id: newId(), sessionId, replyTo: message.id, content: `Answer ${number}` };
    const fixed = { messageType: "text", metadata: {}, callbackId: `given-${message.id}` } as const;
    await recordReply(database, { ...reply, ...fixed });
  }
}
