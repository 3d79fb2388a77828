import type { ReplyDelta } from "@chat-relay/core/reply-pieces";
import { eventId, type Position, type SessionEvent } from "@chat-relay/core/session-events";

/** How long a browser waits before it connects again. */
const RETRY_MS = 2_000;

// JSON has no line ends of its own, so that no text can begin a line of the stream.
function frame(event: string, data: unknown, id?: string): string {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `event: ${event}\n${idLine}data: ${JSON.stringify(data)}\n\n`;
}

/** What a stream begins with: where its reader is. */
export function readyFrame(sessionId: string, position: Position): string {
  return `retry: ${RETRY_MS}\n\n${frame("ready", { sessionId }, eventId(sessionId, position))}`;
}

/** For a reader who came with an id that is none of the session's. */
export function resetFrame(sessionId: string, position: Position): string {
  return frame("reset", {}, eventId(sessionId, position));
}

export function eventFrame(sessionId: string, event: SessionEvent): string {
  return frame(event.type, event.data, eventId(sessionId, event.position));
}

/** No id: a reader who comes back is told the whole text. */
export function deltaFrame(delta: ReplyDelta): string {
  return frame("delta", delta);
}

/** The session is over: there is nothing to come back for. */
export const END_FRAME = frame("end", {});

/** A comment, which keeps proxies from taking a quiet stream for a dead one. */
export const HEARTBEAT_FRAME = ": still here\n\n";
