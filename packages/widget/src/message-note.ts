import type { ConversationMessage } from "@chat-relay/client";
import type { Texts } from "./texts/texts.ts";

export type NoteAction = "retry" | "edit" | "discard";

/** What is said below a message of the visitor. */
export interface MessageNote {
  readonly text: { [K in keyof Texts]: Texts[K] extends string ? K : never }[keyof Texts];
  readonly icon: "clock" | "check" | "checks" | "alert";
  readonly isBad: boolean;
  readonly actions: readonly NoteAction[];
}

/** What a message does not say of itself. */
export interface NoteContext {
  readonly isOffline: boolean;
  /** Its reply is being written. */
  readonly isAnswering: boolean;
  /** It has waited so long that one no longer expects the reply at any moment. */
  readonly isOverdue: boolean;
  /** The same was written again later: nothing to retry. */
  readonly isRepeated: boolean;
}

/** What became of a message, and what can be done about it; null when there is nothing to say. */
export function messageNote(message: ConversationMessage, context: NoteContext): MessageNote | null {
  switch (message.state) {
    case "unsent":
      return context.isOffline ? quiet("waiting", "clock", ["edit", "discard"]) : quiet("sending", "clock");
    case "rejected":
      return bad("rejected", ["retry", "edit", "discard"]);
    case "queued":
    case "delivered":
      return pending(message, context);
    case "failed":
      return context.isRepeated ? quiet("failed", "alert") : bad("failed", ["retry"]);
    case "unanswered":
      return quiet("unanswered", "alert", context.isRepeated ? [] : ["retry"]);
    case "answered":
    case "received":
      return null;
  }
}

function pending({ state, attempts }: ConversationMessage, context: NoteContext): MessageNote | null {
  if (context.isAnswering) return null;
  if (state === "queued" && attempts > 0) return quiet("retrying", "clock");
  if (context.isOverdue) return quiet("patience", "clock");
  return state === "queued" ? quiet("sent", "check") : quiet("delivered", "checks");
}

function quiet(text: MessageNote["text"], icon: MessageNote["icon"], actions: NoteAction[] = []): MessageNote {
  return { text, icon, isBad: false, actions };
}

function bad(text: MessageNote["text"], actions: NoteAction[]): MessageNote {
  return { text, icon: "alert", isBad: true, actions };
}
