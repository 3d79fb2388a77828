import { defineEntity, p } from "@mikro-orm/core";

const ChatRateLimitSchema = defineEntity({
  name: "ChatRateLimit",
  tableName: "chat_rate_limit",
  properties: {
    key: p.string().length(255).primary(),
    points: p.integer().default(0),
    expire: p.bigint("number").nullable(),
  },
});

/** Counters of the rate limits, shared by all gateways and receivers; the shape is the limiter library's. */
export class ChatRateLimit extends ChatRateLimitSchema.class {}
ChatRateLimitSchema.setClass(ChatRateLimit);
