import { ChatError } from "@chat-relay/core/errors";

/** What a sender is told of a callback that has no place. */
export const REFUSALS = {
  session_not_found: () => new ChatError("session_not_found", "There is no such session"),
  reply_to_not_found: () => new ChatError("not_found", "replyTo is no message that is known"),
  reply_to_conflict: () => new ChatError("conflict", "replyTo is not a visitor's message of this session"),
};
