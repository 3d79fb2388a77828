import { icon } from "./icon.ts";
import { make } from "./make.ts";
import type { Phrases } from "./texts/phrases.ts";

const SHOWN_MAX = 9;

/** The button that opens and closes the panel, with the number of unread messages. */
export class Launcher {
  readonly root: HTMLButtonElement;
  #phrases: Phrases;
  #badge = make("span", { class: "badge", "aria-hidden": "true" });
  #isOpen = false;
  #unread = 0;

  constructor(phrases: Phrases, onClick: () => void) {
    this.#phrases = phrases;
    const attributes = { type: "button", class: "launcher", "aria-haspopup": "dialog" };
    this.root = make("button", attributes, icon("chat"), icon("down"), this.#badge);
    this.root.addEventListener("click", onClick);
    this.#show();
  }

  setOpen(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#show();
  }

  setUnread(unread: number): void {
    this.#unread = unread;
    this.#show();
  }

  #show(): void {
    const { texts } = this.#phrases;
    const name = this.#isOpen ? texts.closeChat : texts.openChat;
    const news = this.#unread > 0 ? [this.#phrases.counted(texts.newMessages, this.#unread)] : [];
    this.root.setAttribute("aria-label", [name, ...news].join(", "));
    this.root.setAttribute("aria-expanded", String(this.#isOpen));
    // Focus stays in the open panel, which has a button of its own to close it.
    this.root.tabIndex = this.#isOpen ? -1 : 0;
    this.#badge.hidden = this.#unread === 0 || this.#isOpen;
    this.#badge.textContent = this.#unread > SHOWN_MAX ? `${SHOWN_MAX}+` : String(this.#unread);
  }
}
