import type { ChatSnapshot, ConversationMessage } from "@chat-relay/client";

/** Tells what happens now from the history, which is simply there. */
export class Arrivals {
  /** The highest sequence known; null while nothing of the session is. */
  #highest: number | null = null;
  #unsent = new Set<string>();

  /** The messages that have come since the last snapshot: replies, and the visitor's own as they are accepted. */
  take({ messages }: ChatSnapshot): ConversationMessage[] {
    const sequences = messages.flatMap(({ sequence }) => sequence ?? []);
    // What comes together with the first message that was written here is an answer to it, and no history.
    const known = this.#highest ?? (this.#isOvertaken(messages) ? 0 : Math.min(...this.#acceptedNow(messages)));
    const arrived = messages.filter(
      ({ key, sequence }) => sequence !== null && (this.#unsent.has(key) || sequence > known),
    );
    this.#highest = sequences.length === 0 ? null : Math.max(this.#highest ?? 0, ...sequences.slice(-1));
    this.#unsent = new Set(messages.filter(({ sequence }) => sequence === null).map(({ key }) => key));
    return arrived;
  }

  /** A reply may be told before the acceptance of the first message, which it answers. */
  #isOvertaken(messages: readonly ConversationMessage[]): boolean {
    return this.#unsent.size > 0 && messages.every(({ role, sequence }) => role === "assistant" || sequence === null);
  }

  #acceptedNow(messages: readonly ConversationMessage[]): number[] {
    return messages.flatMap(({ key, sequence }) => (sequence !== null && this.#unsent.has(key) ? [sequence] : []));
  }
}
