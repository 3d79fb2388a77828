import type { ConversationMessage } from "./conversation-message.ts";
import type { KeptItems } from "./kept-items.ts";
import type { ChatProblem } from "./problem.ts";

/** A message that the gateway has not accepted yet. */
export interface UnsentMessage {
  readonly shown: ConversationMessage;
  /** Its place among the unsent: the time of writing, never the same twice. */
  readonly order: number;
  /** What was known of the conversation when it was written: an earlier message cannot be this one. */
  readonly after: { readonly sessionId: string; readonly sequence: number } | null;
  /** Found in the storage, from before a reload or of another tab. */
  readonly isAdopted: boolean;
}

const PREFIX = "unsent.";

/** The visitor's messages that are not accepted yet, in the order they were written; each under its own key. */
export class UnsentMessages {
  #kept: KeptItems;
  #entries: UnsentMessage[] = [];

  constructor(kept: KeptItems) {
    this.#kept = kept;
  }

  get all(): readonly UnsentMessage[] {
    return this.#entries;
  }

  /** The one whose turn it is to be sent. */
  next(): UnsentMessage | undefined {
    return this.#entries.find(({ shown }) => shown.state === "unsent");
  }

  get(key: string): UnsentMessage | undefined {
    return this.#entries.find(({ shown }) => shown.key === key);
  }

  add(shown: ConversationMessage, after: UnsentMessage["after"]): void {
    const order = Math.max(Date.now(), (this.#entries.at(-1)?.order ?? 0) + 1);
    this.#put({ shown, order, after, isAdopted: false });
  }

  /** Takes a refused message out of the turn, or (without a problem) back into it. */
  mark(key: string, error: ChatProblem | null): void {
    const entry = this.get(key);
    if (entry === undefined) return;
    this.#put({ ...entry, shown: { ...entry.shown, state: error === null ? "unsent" : "rejected", error } });
  }

  remove(key: string): void {
    this.#entries = this.#entries.filter(({ shown }) => shown.key !== key);
    this.#kept.remove(PREFIX + key);
  }

  /** Whether the storage still has it; another tab that sent or discarded it took it out. */
  isKept(key: string): boolean {
    return this.#kept.get(PREFIX + key) !== null;
  }

  /** Forgets those that were taken out of the storage. */
  dropTaken(): void {
    this.#entries = this.#entries.filter(({ shown }) => this.isKept(shown.key));
  }

  /** Takes in what the storage has, and lets go of what was taken in and is not there any more. */
  adopt(): void {
    this.#entries = this.#entries.filter(({ shown, isAdopted }) => !isAdopted || this.isKept(shown.key));
    for (const item of this.#kept.keys().filter((item) => item.startsWith(PREFIX))) {
      const key = item.slice(PREFIX.length);
      const entry = parse(key, this.#kept.get(item));
      if (entry !== undefined && this.get(key) === undefined) this.#insert(entry);
    }
  }

  /** Forgets all of them, those of other tabs too. */
  clear(): void {
    this.adopt();
    for (const { shown } of this.#entries) this.remove(shown.key);
  }

  #put(entry: UnsentMessage): void {
    const { shown, order, after } = entry;
    this.#insert(entry);
    this.#kept.set(PREFIX + shown.key, JSON.stringify({ shown, order, after }));
  }

  #insert(entry: UnsentMessage): void {
    const others = this.#entries.filter(({ shown }) => shown.key !== entry.shown.key);
    // oxlint-disable-next-line unicorn/no-array-sort -- toSorted is younger than the browsers that we build for
    this.#entries = [...others, entry].sort((a, b) => a.order - b.order);
  }
}

/** What was kept; undefined for what is not ours, or of a form that this version does not know. */
function parse(key: string, text: string | null): UnsentMessage | undefined {
  try {
    const { shown, order, after } = JSON.parse(text ?? "");
    const isWhole = shown.key === key && typeof shown.content === "string" && typeof order === "number";
    return isWhole ? { shown, order, after, isAdopted: true } : undefined;
  } catch {
    return undefined;
  }
}
