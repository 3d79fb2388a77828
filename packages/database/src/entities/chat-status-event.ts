import { defineEntity, p } from "@mikro-orm/core";
import type { ChatMessage } from "@chat-relay/core/message";

const ChatStatusEventSchema = defineEntity({
  name: "ChatStatusEvent",
  tableName: "chat_status_event",
  primaryKeys: ["sessionId", "number"],
  properties: {
    sessionId: p.uuid().primary(),
    /** Counts the session's changes of status, under its row lock. */
    number: p.integer().primary(),
    /** The session's last message at that time: its place among the messages. */
    afterSequence: p.integer(),
    messageId: p.uuid(),
    status: p.text().$type<ChatMessage["status"]>(),
    attempts: p.integer(),
  },
});

/** What the visitor was told of a message's way: with the messages, the log that a live stream is resumed from. */
export class ChatStatusEvent extends ChatStatusEventSchema.class {}
ChatStatusEventSchema.setClass(ChatStatusEvent);
