import { defineEntity, p } from "@mikro-orm/core";
import type { Metadata } from "@chat-relay/core/metadata";
import { ChatSession } from "./chat-session.ts";

const ChatMessageSchema = defineEntity({
  name: "ChatMessage",
  tableName: "chat_message",
  uniques: [{ name: "chat_message_session_sequence_unique", properties: ["session", "sequence"] }],
  indexes: [
    {
      name: "chat_message_idempotency_key_unique",
      expression:
        "CREATE UNIQUE INDEX chat_message_idempotency_key_unique ON chat_message (session_id, idempotency_key) WHERE idempotency_key IS NOT NULL",
    },
    {
      name: "chat_message_reply_key_unique",
      expression:
        "CREATE UNIQUE INDEX chat_message_reply_key_unique ON chat_message (reply_key) WHERE reply_key IS NOT NULL",
    },
  ],
  properties: {
    id: p.uuid().primary(),
    session: () => p.manyToOne(ChatSession).fieldName("session_id").mapToPk(),
    sequence: p.integer(),
    role: p.text().$type<"user" | "assistant">(),
    content: p.text(),
    messageType: p.text(),
    metadata: p.json<Metadata>().defaultRaw("'{}'"),
    replyTo: p.uuid().nullable(),
    /** The visitor's key: a repeated send finds its first message by it. */
    idempotencyKey: p.text().nullable(),
    /** Names the reply's origin (a callback's id, or delivery and position): a repeated one is not stored again. */
    replyKey: p.text().nullable(),
    createdAt: p.datetime(3),
  },
});

/** A message of a session. Never changed once written: what happens to it is in the delivery ledger. */
export class ChatMessage extends ChatMessageSchema.class {}
ChatMessageSchema.setClass(ChatMessage);
