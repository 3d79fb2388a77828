import type { ChatSnapshot, ConversationMessage } from "@chat-relay/client";

/** Tells what happens now from the history, which is simply there. */
export class Arrivals {
  /** The highest sequence known; null while nothing of the session is. */
  #highest: number | null = null;
  #unsent = new Set<string>();

  /** The messages that have come since the last snapshot: replies, and the visitor's own as they are accepted. */
  take({ messages }: ChatSnapshot): ConversationMessage[] {
    const arrived = messages.filter(({ key, sequence }) => this.#isNew(key, sequence));
    const sequences = messages.flatMap(({ sequence }) => sequence ?? []);
    this.#highest = sequences.length === 0 ? null : Math.max(this.#highest ?? 0, ...sequences.slice(-1));
    this.#unsent = new Set(messages.filter(({ sequence }) => sequence === null).map(({ key }) => key));
    return arrived;
  }

  #isNew(key: string, sequence: number | null): boolean {
    if (sequence === null) return false;
    return this.#unsent.has(key) || (this.#highest !== null && sequence > this.#highest);
  }
}
