import type { ReplyDelta } from "@chat-relay/core/reply-pieces";
import type { Position, SessionEvent } from "@chat-relay/core/session-events";

/** A committed change as the readers of its session get it, with its frames made once. */
export interface FramedChange {
  after: Position;
  events: { position: Position; event: SessionEvent; frame: string }[];
}

/** Pieces of replies as the readers of their session get them, with their frames made once. */
export interface FramedText {
  deltas: ReplyDelta[];
  frames: string;
}

/** Somebody who follows a session at this gateway. Nothing here is the truth: what a reader was not told it reads. */
export interface SessionReader {
  /** A change was announced. */
  offer(change: FramedChange): void;
  /** The session's newest event is at this position; what it missed, it reads. */
  reach(position: Position): void;
  tellText(text: FramedText): void;
  /** Nothing was said for a while. */
  heartbeat(): void;
  /** The session has ended or expired. Told again and again. */
  end(): void;
  /** The gateway stops. */
  close(): void;
}
