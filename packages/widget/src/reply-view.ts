import type { ListItem } from "./list-items.ts";
import { make } from "./make.ts";
import { ReplyText } from "./reply-text.ts";
import { timeOf } from "./time-of.ts";
import type { Phrases } from "./texts/phrases.ts";

/** A reply: first as it is being written, then whole, in the same place. */
export class ReplyView {
  item?: ListItem;
  readonly root: HTMLLIElement;
  #phrases: Phrases;
  #bubble = make("div", { class: "bubble text", dir: "auto" });
  #text: ReplyText;

  constructor(phrases: Phrases) {
    this.#phrases = phrases;
    this.#text = new ReplyText(this.#bubble, phrases);
    const speaker = make("span", { class: "unseen" }, `${phrases.texts.assistant}: `);
    this.root = make("li", { class: "item reply" }, speaker, this.#bubble);
  }

  /** What is read out of it. */
  get spoken(): string {
    return `${this.#phrases.texts.assistant}: ${this.#bubble.textContent}`;
  }

  show(item: ListItem & { kind: "message" | "reply" }): void {
    const isWhole = item.kind === "message";
    this.root.classList.toggle("writing", !isWhole);
    this.#text.show(isWhole ? item.message.content : item.text, isWhole);
    if (!isWhole || this.root.lastElementChild !== this.#bubble) return;
    this.root.append(make("div", { class: "note" }, timeOf(item.message, this.#phrases)));
  }
}
