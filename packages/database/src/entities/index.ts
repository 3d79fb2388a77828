import { ChatDeliveryAttempt } from "./chat-delivery-attempt.ts";
import { ChatDispatcher } from "./chat-dispatcher.ts";
import { ChatMessage } from "./chat-message.ts";
import { ChatRateLimit } from "./chat-rate-limit.ts";
import { ChatReplyOutbox } from "./chat-reply-outbox.ts";
import { ChatSession } from "./chat-session.ts";
import { ChatStatusEvent } from "./chat-status-event.ts";
import { ChatWebhookQueue } from "./chat-webhook-queue.ts";

/** Every entity, for the ORM's metadata. */
export const entities = [
  ChatSession,
  ChatMessage,
  ChatWebhookQueue,
  ChatDeliveryAttempt,
  ChatReplyOutbox,
  ChatStatusEvent,
  ChatDispatcher,
  ChatRateLimit,
] as const;
