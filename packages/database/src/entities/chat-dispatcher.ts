import { defineEntity, p } from "@mikro-orm/core";

const ChatDispatcherSchema = defineEntity({
  name: "ChatDispatcher",
  tableName: "chat_dispatcher",
  properties: {
    id: p.uuid().primary(),
    breaker: p.text().$type<"closed" | "open" | "half_open">(),
    seenAt: p.datetime(3),
  },
});

/** The dispatchers that run, and what each thinks of n8n; operators read it. */
export class ChatDispatcher extends ChatDispatcherSchema.class {}
ChatDispatcherSchema.setClass(ChatDispatcher);
