import { icon } from "./icon.ts";
import { make } from "./make.ts";
import type { MessageNote } from "./message-note.ts";
import type { Phrases } from "./texts/phrases.ts";

/** What is over before is not worth a word. */
const PATIENCE_MS = 1_000;

/** The line that says why nothing comes through. */
export class Notice {
  readonly root = make("p", { class: "notice", hidden: "" });
  #phrases: Phrases;
  #announce: (text: string) => void;
  #text: MessageNote["text"] | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(phrases: Phrases, announce: (text: string) => void) {
    this.#phrases = phrases;
    this.#announce = announce;
  }

  show(text: MessageNote["text"] | null): void {
    if (text === this.#text) return;
    const wasEnded = this.#text === "ended";
    this.#text = text;
    clearTimeout(this.#timer);
    if (text === null) this.#hide(wasEnded);
    else if (this.root.hidden) this.#timer = setTimeout(() => this.#reveal(text), PATIENCE_MS);
    else this.#reveal(text);
  }

  #reveal(text: MessageNote["text"]): void {
    const words = this.#phrases.texts[text];
    this.root.replaceChildren(icon(text === "connecting" ? "clock" : "alert"), words);
    this.root.hidden = false;
    this.#announce(words);
  }

  #hide(wasEnded: boolean): void {
    if (!this.root.hidden && !wasEnded) this.#announce(this.#phrases.texts.back);
    this.root.hidden = true;
  }
}
