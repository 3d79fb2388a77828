import type { ReplyDelta } from "@chat-relay/core/reply-pieces";

/** How an answer is written for n8n's widget. Each method returns what to write. */
export interface AnswerForm {
  contentType: string;
  /** Keeps proxies from taking the wait for a dead connection. */
  keepAlive(): string;
  /** Pieces of the replies under way. */
  show(deltas: readonly ReplyDelta[]): string;
  /** The whole of the answer: whatever was shown, this is what stands in the end. */
  finish(replies: readonly string[]): string;
  /** There is no answer, for the reason given. */
  fail(reason: string): string;
}

/** `{ "output": "…" }`, which the widget gets in one. White space before it is no part of it. */
export function jsonAnswer(): AnswerForm {
  return {
    contentType: "application/json; charset=utf-8",
    keepAlive: () => " ",
    show: () => "",
    finish: (replies) => JSON.stringify({ output: replies.join("\n\n") }),
    fail: (reason) => JSON.stringify({ message: reason }),
  };
}
