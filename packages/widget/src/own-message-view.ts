import type { ConversationMessage } from "@chat-relay/client";
import { icon } from "./icon.ts";
import type { ListItem } from "./list-items.ts";
import { make } from "./make.ts";
import type { MessageNote, NoteAction } from "./message-note.ts";
import { timeOf } from "./time-of.ts";
import type { Phrases } from "./texts/phrases.ts";

export type OnAction = (action: NoteAction, message: ConversationMessage) => void;

/** A message of the visitor. */
export class OwnMessageView {
  item?: ListItem;
  readonly root: HTMLLIElement;
  #phrases: Phrases;
  #onAction: OnAction;
  #note = make("div", { class: "note" });
  #message: ConversationMessage | null = null;

  constructor(phrases: Phrases, onAction: OnAction) {
    this.#phrases = phrases;
    this.#onAction = onAction;
    this.root = make("li", { class: "item own" });
  }

  show({ message, state, note }: ListItem & { kind: "message" }): void {
    if (this.#message === null) this.#build(message);
    this.#message = message;
    this.root.dataset["state"] = state;
    this.root.classList.toggle("bad", note?.isBad === true);
    this.#showNote(message, note);
  }

  #build(message: ConversationMessage): void {
    const speaker = make("span", { class: "unseen" }, `${this.#phrases.texts.you}: `);
    this.root.append(speaker, make("div", { class: "bubble", dir: "auto" }, message.content), this.#note);
  }

  #showNote(message: ConversationMessage, note: MessageNote | null): void {
    const what =
      note === null ? [] : [make("span", { class: "what" }, icon(note.icon), this.#phrases.texts[note.text])];
    const buttons = (note?.actions ?? []).map((action) => this.#button(action));
    const time = message.sequence === null ? [] : [timeOf(message, this.#phrases)];
    this.#note.replaceChildren(...what, ...buttons, ...time);
  }

  #button(action: NoteAction): HTMLButtonElement {
    const button = make("button", { type: "button" }, this.#phrases.texts[action]);
    // Once, since a second click may come before the message is shown as what it is then.
    const act = (): void => void (this.#message && this.#onAction(action, this.#message));
    button.addEventListener("click", act, { once: true });
    return button;
  }
}
