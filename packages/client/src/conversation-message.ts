import type { ChatProblem } from "./problem.ts";

/**
 * - `unsent`: kept here, not yet accepted by the gateway (offline, or on its way)
 * - `rejected`: the gateway refused it for good; `error` says why
 * - `queued`, `delivered`, `answered`, `failed`, `unanswered`: a visitor's message, as the gateway says
 * - `received`: a reply
 */
export type MessageState =
  | "unsent"
  | "rejected"
  | "queued"
  | "delivered"
  | "answered"
  | "failed"
  | "unanswered"
  | "received";

/** One message of the conversation, as it is to be shown. */
export interface ConversationMessage {
  /** Stable over the message's life, for rendering lists: the client's own key of a message sent by it, else the id. */
  readonly key: string;
  /** null until the gateway accepted it. */
  readonly id: string | null;
  /** The message's place in its session; null until the gateway accepted it. */
  readonly sequence: number | null;
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly state: MessageState;
  /** How often the gateway has tried to deliver it, as far as it told. */
  readonly attempts: number;
  /** Of a reply: the id of the message that it answers. */
  readonly replyTo: string | null;
  /** ISO 8601; this device's time until the gateway accepted it. */
  readonly createdAt: string;
  /** Why it was rejected. */
  readonly error: ChatProblem | null;
}
