import { z } from "zod";
import { takenMetadata } from "./metadata.ts";

/** Kinds of message. New kinds are added here and in the widget. */
export const messageType = z.enum(["text"]);
export type MessageType = z.output<typeof messageType>;

/** What a visitor sees of a message's way. */
export const messageStatus = z.enum(["queued", "delivered", "answered", "failed", "unanswered", "received"]);

/** What an operator sees of a delivery. */
export const deliveryStatus = z.enum(["queued", "delivering", "delivered", "answered", "unanswered", "failed"]);
export type DeliveryStatus = z.output<typeof deliveryStatus>;

/** A message of a session, the visitor's or a reply: the same shape in the API and on the bus. */
export const chatMessage = z
  .object({
    id: z.uuid(),
    sessionId: z.uuid(),
    sequence: z.int().min(1),
    role: z.enum(["user", "assistant"]),
    content: z.string(),
    messageType,
    metadata: takenMetadata,
    status: messageStatus,
    replyTo: z.uuid().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "ChatMessage" });
export type ChatMessage = z.output<typeof chatMessage>;
