import { defineEntity, p } from "@mikro-orm/core";
import type { DeliveryStatus } from "@chat-relay/core/message";
import { ChatMessage } from "./chat-message.ts";

const ChatWebhookQueueSchema = defineEntity({
  name: "ChatWebhookQueue",
  tableName: "chat_webhook_queue",
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
    sessionId: p.uuid(),
    sequence: p.integer(),
    status: p.text().$type<DeliveryStatus>(),
    /** Attempts counted so far, before each call; never reset, so that `chat-attempt` counts on after a replay. */
    attempts: p.integer().default(0),
    /** Attempts counted when the message was last replayed: the budget counts from here. */
    attemptsBase: p.integer().default(0),
    /** Fixed at acceptance, so that the webhook's body is the same on every attempt. */
    callbackUrl: p.text(),
    createdAt: p.datetime(3),
    /** Not sent before. */
    dueAt: p.datetime(6),
    /** How often a work token was made for this message; 0 while it waits behind another. */
    epoch: p.integer().default(0),
    announcedAt: p.datetime(3).nullable(),
    /** Null: the present token is not known to be on the bus. */
    publishedAt: p.datetime(3).nullable(),
    publishedSeq: p.bigint("number").nullable(),
    attemptStartedAt: p.datetime(3).nullable(),
    deliveredAt: p.datetime(3).nullable(),
    answeredAt: p.datetime(3).nullable(),
  },
});

/** Outbox and delivery ledger: one row per message to deliver. */
export class ChatWebhookQueue extends ChatWebhookQueueSchema.class {}
ChatWebhookQueueSchema.setClass(ChatWebhookQueue);
