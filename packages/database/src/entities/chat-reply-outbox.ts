import { defineEntity, p } from "@mikro-orm/core";
import { ChatMessage } from "./chat-message.ts";

const ChatReplyOutboxSchema = defineEntity({
  name: "ChatReplyOutbox",
  tableName: "chat_reply_outbox",
  properties: {
    message: () =>
      p
        .oneToOne(ChatMessage)
        .fieldName("message_id")
        .mapToPk()
        .primary()
        .owner()
        .updateRule("no action")
        .deleteRule("no action"),
    /** Moved on by whoever tries to publish, so that two sweeps do not try at once. */
    triedAt: p.datetime(3),
  },
});

/** Replies whose `chat.reply` is not known to be on the bus; the row goes when it is. */
export class ChatReplyOutbox extends ChatReplyOutboxSchema.class {}
ChatReplyOutboxSchema.setClass(ChatReplyOutbox);
