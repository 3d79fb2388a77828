import type { ConversationMessage } from "./conversation-message.ts";
import type { ChatProblem } from "./problem.ts";
import type { ChatSession } from "./wire.ts";

/** A reply that is still being written. */
export interface StreamingReply {
  /** The id of the message that it answers. */
  readonly replyTo: string;
  /** The text so far, by block; a block without text is "". */
  readonly blocks: readonly string[];
}

/** How the client stands to the gateway. `idle` is also a client without a session, until something is sent. */
export type Connection = "idle" | "connecting" | "live" | "offline" | "ended";

/** All there is to show, at one moment. Never changed: a change makes a new one. */
export interface ChatSnapshot {
  readonly connection: Connection;
  readonly session: ChatSession | null;
  /**
   * By sequence; own unsent and rejected ones last, in the order they were written. One on its way whose reply is told
   * before its send is answered stands in front of that.
   */
  readonly messages: readonly ConversationMessage[];
  readonly streaming: readonly StreamingReply[];
  /** Whether there is older history to load. */
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  /** What keeps the client from being live; null when it is. */
  readonly problem: ChatProblem | null;
}
