import type { ListItem } from "./list-items.ts";
import type { MessageNote } from "./message-note.ts";

type Text = MessageNote["text"];

/** What a visitor who does not see the screen has to be told of. */
const TOLD: readonly Text[] = ["failed", "unanswered", "rejected"];

/** Notices what happens to messages: that a reply is on its way, or that it went wrong. */
export class StateChanges {
  /** By the key of the item; null before the first look, which finds history. */
  #before: ReadonlyMap<string, Text | null> | null = null;

  /** What has changed since the last look, in words. */
  take(items: readonly ListItem[]): Text[] {
    const before = this.#before;
    const now = new Map(items.map((item) => [item.key, textOf(item)]));
    this.#before = now.size === 0 ? before : now;
    if (before === null) return [];
    return [...now].flatMap(([key, text]) => {
      const isTold = key === "typing" ? !before.has(key) : before.has(key) && before.get(key) !== text;
      return isTold && text !== null && (key === "typing" || TOLD.includes(text)) ? [text] : [];
    });
  }
}

function textOf(item: ListItem): Text | null {
  if (item.kind === "typing") return "typing";
  return item.kind === "message" ? (item.note?.text ?? null) : null;
}
