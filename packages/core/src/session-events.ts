import { z } from "zod";
import { isId } from "./ids.ts";
import { chatMessage, messageStatus } from "./message.ts";

/** How far a reader has come in a session: its last message, and its last change of a status. */
const position = z.object({ sequence: z.int().min(0), status: z.int().min(0) });
export type Position = z.output<typeof position>;

/** What a visitor is told of a message's way; also after a failed attempt. */
export const statusChange = z.object({ messageId: z.uuid(), status: messageStatus, attempts: z.int().min(0) });
export type StatusChange = z.output<typeof statusChange>;

const sessionEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("message"), position, data: chatMessage }),
  z.object({ type: z.literal("status"), position, data: statusChange }),
]);

/** One event of a session, numbered under its row lock, so that events become visible in the order of their positions. */
export type SessionEvent = z.output<typeof sessionEvent>;

/**
 * A committed change of a session, as it is announced to those who follow it. Who is not yet at `after`, or gets no
 * events with it, reads from PostgreSQL.
 */
export const sessionChange = z.object({
  sessionId: z.uuid(),
  after: position.nullable(),
  events: z.array(sessionEvent),
});
export type SessionChange = z.output<typeof sessionChange>;

/** A change whose events are to be read from PostgreSQL. */
export function unreadChange(sessionId: string): SessionChange {
  return { sessionId, after: null, events: [] };
}

/** Whether a reader at `reader` has everything up to `target`. */
export function hasReached(reader: Position, target: Position): boolean {
  return reader.sequence >= target.sequence && reader.status >= target.status;
}

// Numbers that PostgreSQL takes for an int.
const EVENT_ID = /^([0-9a-f-]{36})\.(\d{1,9})\.(\d{1,9})$/;

/** The id of the event that brings a reader to this position. */
export function eventId(sessionId: string, { sequence, status }: Position): string {
  return `${sessionId}.${sequence}.${status}`;
}

/** The position that an event's id stands for; undefined when it is none of this session's. */
export function parseEventId(sessionId: string, text: string): Position | undefined {
  const [, id = "", sequence, status] = EVENT_ID.exec(text) ?? [];
  if (!isId(id) || id !== sessionId) return undefined;
  return { sequence: Number(sequence), status: Number(status) };
}
