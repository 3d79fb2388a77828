import { defineEntity, p } from "@mikro-orm/core";
import { ChatWebhookQueue } from "./chat-webhook-queue.ts";

const ChatDeliveryAttemptSchema = defineEntity({
  name: "ChatDeliveryAttempt",
  tableName: "chat_delivery_attempt",
  primaryKeys: ["message", "number"],
  properties: {
    message: () => p.manyToOne(ChatWebhookQueue).fieldName("message_id").mapToPk().primary(),
    number: p.integer().primary(),
    startedAt: p.datetime(3),
    durationMs: p.integer(),
    httpStatus: p.integer().nullable(),
    error: p.text().nullable(),
    outcome: p.text().$type<"delivered" | "retry" | "failed">(),
  },
});

/** Log of the attempts to deliver a message. */
export class ChatDeliveryAttempt extends ChatDeliveryAttemptSchema.class {}
ChatDeliveryAttemptSchema.setClass(ChatDeliveryAttempt);
