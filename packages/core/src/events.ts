import { z } from "zod";
import { chatMessage } from "./message.ts";

/** The stream that holds every event. */
export const STREAM_NAME = "CHAT";

/** Subjects of the stream: all facts of messages, and replies. */
export const STREAM_SUBJECTS = ["chat.message.>", "chat.reply.>"];

/** `ce-source` of every event. */
export const EVENT_SOURCE = "urn:chat-relay";

/**
 * A message as an event carries it. `contentOmitted` marks one whose text did not fit into an event of the bus: the
 * reader takes it from PostgreSQL.
 */
const messageData = chatMessage.extend({ contentOmitted: z.literal(true).optional() });

/**
 * The event catalogue: name → schema of its data. Data only ever gains optional fields; a change of meaning is a new
 * name. `chat.message.sent` is also the work token of its session: the dispatcher consumes it.
 */
export const EVENTS = {
  "chat.message.sent": messageData,
  "chat.reply": messageData,
} as const;

export type EventType = keyof typeof EVENTS;
export type EventData<T extends EventType> = z.output<(typeof EVENTS)[T]>;

/** The session id is the last token, so that one session can be followed, replayed and erased. */
export function eventSubject(type: EventType, sessionId: string): string {
  return `${type}.${sessionId}`;
}

/** One event, ready to be published. `id` makes the bus drop a second publish of the same fact. */
export interface ChatEvent<T extends EventType = EventType> {
  type: T;
  id: string;
  time: string;
  sessionId: string;
  data: EventData<T>;
  traceparent?: string | undefined;
}

/** `chat.message.sent` for a message: the epoch counts how often its token had to be made anew. */
export function messageSentEvent(
  message: EventData<"chat.message.sent">,
  epoch: number,
): ChatEvent<"chat.message.sent"> {
  const id = `${message.id}.${epoch}`;
  return { type: "chat.message.sent", id, time: message.createdAt, sessionId: message.sessionId, data: message };
}

/** `chat.reply` for a committed reply. */
export function replyEvent(message: EventData<"chat.reply">): ChatEvent<"chat.reply"> {
  return { type: "chat.reply", id: message.id, time: message.createdAt, sessionId: message.sessionId, data: message };
}

/** The stream that holds the pieces of replies under way, in memory and for minutes. */
export const LIVE_STREAM_NAME = "CHAT_LIVE";

/** Subjects of that stream. */
export const LIVE_STREAM_SUBJECTS = ["chat.live.*.piece.*"];

/** Where a session's changes are announced, to whoever listens and kept by nobody: they are read from PostgreSQL. */
export function changeSubject(sessionId: string): string {
  return `chat.live.${sessionId}.change`;
}

/** Where the pieces of the replies to a message go; `*` for all messages. */
export function pieceSubject(sessionId: string, replyTo: string): string {
  return `chat.live.${sessionId}.piece.${replyTo}`;
}

/** All that there is to follow of a session. */
export function liveSubject(sessionId: string): string {
  return `chat.live.${sessionId}.>`;
}
