import type { ChatSnapshot } from "@chat-relay/client";
import { readItem, writeItem } from "./page-storage.ts";

interface Mark {
  readonly sessionId: string;
  readonly sequence: number;
}

/** How far the visitor has read, in all tabs and after a reload. */
export class SeenMark {
  #name: string;
  #mark: Mark | null;

  constructor(storageKey: string) {
    this.#name = `${storageKey}.seen`;
    this.#mark = parse(readItem(this.#name));
  }

  /** Another tab may have read on. */
  reload(name: string | null): void {
    if (name === this.#name) this.#mark = parse(readItem(this.#name)) ?? this.#mark;
  }

  /** How many replies the visitor has not seen. A session that nothing is known of counts as read so far. */
  unread(snapshot: ChatSnapshot): number {
    const { session, messages } = snapshot;
    if (session === null) return 0;
    if (this.#mark?.sessionId !== session.sessionId) this.set(snapshot);
    const read = this.#mark?.sequence ?? Infinity;
    return messages.filter(({ role, sequence }) => role === "assistant" && sequence !== null && sequence > read).length;
  }

  /** All of it is read. */
  set({ session, messages }: ChatSnapshot): void {
    const sequence = messages.findLast(({ sequence }) => sequence !== null)?.sequence ?? null;
    if (session === null || sequence === null) return;
    if (this.#mark?.sessionId === session.sessionId && this.#mark.sequence >= sequence) return;
    this.#mark = { sessionId: session.sessionId, sequence };
    writeItem(this.#name, JSON.stringify(this.#mark));
  }
}

function parse(text: string | null): Mark | null {
  try {
    const mark = JSON.parse(text ?? "null");
    return typeof mark?.sessionId === "string" && typeof mark.sequence === "number" ? mark : null;
  } catch {
    return null;
  }
}
