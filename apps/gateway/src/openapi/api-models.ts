import { pageInfo } from "@chat-relay/core/api-schemas";
import { isId } from "@chat-relay/core/ids";
import { chatMessage, deliveryStatus } from "@chat-relay/core/message";
import { chatSession } from "@chat-relay/core/session";
import { z } from "zod";

/** A new session with its token, which is shown this once. */
export const startedSession = chatSession
  .omit({ status: true })
  .extend({ sessionToken: z.string().meta({ description: "Shown this once; kept as its SHA-256 only." }) })
  .meta({ id: "StartedSession" });

/** The message that an earlier send with the same key made. */
export const duplicateMessage = chatMessage.extend({ duplicate: z.literal(true) }).meta({ id: "DuplicateMessage" });

/** A page of a session's history. */
export const messagePage = z.object({ messages: z.array(chatMessage), pageInfo }).meta({ id: "MessagePage" });

/** A session with a page of its history. */
export const sessionPage = z
  .object({ session: chatSession, messages: z.array(chatMessage), pageInfo })
  .meta({ id: "SessionPage" });

/** A session with all of its history. */
export const wholeSession = z
  .object({ session: chatSession, messages: z.array(chatMessage) })
  .meta({ id: "WholeSession" });

const attempt = z.object({
  number: z.int().min(1),
  startedAt: z.iso.datetime(),
  durationMs: z.int(),
  httpStatus: z.int().nullable(),
  error: z.string().nullable(),
  outcome: z.enum(["delivered", "retry", "failed"]),
});

/** One message's way to n8n. */
export const delivery = z
  .object({
    messageId: z.uuid(),
    sessionId: z.uuid(),
    sequence: z.int().min(1),
    status: deliveryStatus,
    createdAt: z.iso.datetime(),
    attempts: z.array(attempt),
  })
  .meta({ id: "Delivery" });

/** A page of deliveries. */
export const deliveryPage = z.object({ deliveries: z.array(delivery), pageInfo }).meta({ id: "DeliveryPage" });

/** The queue as operators see it. */
export const queueState = z
  .object({
    messages: z.record(deliveryStatus, z.int()),
    oldestQueuedAgeMs: z.int().nullable(),
    outbox: z.object({ unpublished: z.int() }),
    bus: z
      .object({ pending: z.int(), ackPending: z.int(), redelivered: z.int() })
      .nullable()
      .meta({ description: "Null while NATS is away." }),
    breaker: z.enum(["closed", "open", "half_open"]),
  })
  .meta({ id: "QueueState" });

/** What a bulk replay did, or would do. */
export const replayCount = z.object({ matched: z.int(), replayed: z.int() }).meta({ id: "ReplayCount" });

/** An id of ours in a filter. */
export const idFilter = z.string().refine(isId, "must be a UUID").meta({ format: "uuid" });
