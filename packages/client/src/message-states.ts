import type { MessageState } from "./conversation-message.ts";

const RANK: Record<MessageState, number> = {
  unsent: 0,
  rejected: 0,
  queued: 1,
  delivered: 2,
  failed: 3,
  unanswered: 3,
  answered: 4,
  received: 4,
};

/** The later of two states, of sources that may come in any order: an answer that was overtaken does not count. */
export function laterState(known: MessageState, told: MessageState): MessageState {
  return RANK[told] > RANK[known] ? told : known;
}

/**
 * Whether the stream, which tells the changes in their order, may lead from one state to the other. Back only when an
 * operator has a message delivered anew.
 */
export function mayFollow(known: MessageState, told: MessageState): boolean {
  return RANK[told] >= RANK[known] || (told === "queued" && RANK[known] === 3);
}
