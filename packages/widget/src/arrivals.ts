import type { ChatSnapshot, ConversationMessage } from "@chat-relay/client";

/** Tells what happens now from the history, which is simply there. */
export class Arrivals {
  /** The highest sequence known; null while nothing of the session is. */
  #highest: number | null = null;
  #unsent = new Set<string>();

  /** The messages that have come since the last snapshot: replies, and the visitor's own as they are accepted. */
  take({ messages }: ChatSnapshot): ConversationMessage[] {
    const told = accepted(messages);
    // What comes together with the first message that was written here is an answer to it, and no history.
    const known = this.#highest ?? Math.min(...this.#acceptedNow(told));
    const arrived = told.filter(({ key, sequence }) => this.#unsent.has(key) || (sequence ?? 0) > known);
    this.#highest = told.length === 0 ? null : Math.max(this.#highest ?? 0, told.at(-1)?.sequence ?? 0);
    this.#unsent = new Set(messages.filter(({ sequence }) => sequence === null).map(({ key }) => key));
    return arrived;
  }

  #acceptedNow(messages: readonly ConversationMessage[]): number[] {
    return messages.flatMap(({ key, sequence }) => (sequence !== null && this.#unsent.has(key) ? [sequence] : []));
  }
}

/** Up to the first one that is not accepted yet: a reply to that may be there already, and is told after it. */
function accepted(messages: readonly ConversationMessage[]): readonly ConversationMessage[] {
  const first = messages.findIndex(({ sequence }) => sequence === null);
  return first < 0 ? messages : messages.slice(0, first);
}
