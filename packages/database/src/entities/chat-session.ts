import { defineEntity, p } from "@mikro-orm/core";
import type { Metadata } from "@chat-relay/core/metadata";

const ChatSessionSchema = defineEntity({
  name: "ChatSession",
  tableName: "chat_session",
  properties: {
    id: p.uuid().primary(),
    tokenHash: p.blob().unique("chat_session_token_hash_unique"),
    userId: p.text().nullable(),
    authenticated: p.boolean().default(false),
    metadata: p.json<Metadata>().defaultRaw("'{}'"),
    createdAt: p.datetime(3),
    expiresAt: p.datetime(3),
    endedAt: p.datetime(3).nullable(),
    /** Sequence number of the session's next message, the visitor's or a reply. */
    nextSequence: p.integer().default(1),
    /** Number of the session's next status event. */
    nextStatus: p.integer().default(1),
    /** The delivery whose turn it is; null when none waits. */
    headId: p.uuid().nullable(),
    /** The head is not sent before. A copy of the delivery's own, so that one row lock decides a claim. */
    headDueAt: p.datetime(6).nullable(),
    /** Fencing token: counts the claims of this session. */
    leaseToken: p.integer().default(0),
    leaseUntil: p.datetime(6).nullable(),
  },
});

/** A visitor's session, the counters of its order and the lease of its one delivery under way. */
export class ChatSession extends ChatSessionSchema.class {}
ChatSessionSchema.setClass(ChatSession);
