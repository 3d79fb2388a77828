import { icon } from "./icon.ts";
import { make } from "./make.ts";
import { isSendable, MESSAGE_MAX, messageLength } from "./message-length.ts";
import type { Phrases } from "./texts/phrases.ts";

/** The counter is shown when so few characters are left. */
const NEAR = 200;

interface Handlers {
  readonly onSend: (text: string) => void;
  readonly announce: (text: string) => void;
}

/** The field in which a message is written. */
export class Composer {
  readonly root: HTMLFormElement;
  #phrases: Phrases;
  #handlers: Handlers;
  #text: HTMLTextAreaElement;
  #send: HTMLButtonElement;
  #field: HTMLElement;
  #counter = make("p", { class: "counter", id: "counter" });

  constructor(phrases: Phrases, handlers: Handlers) {
    const { texts } = phrases;
    this.#phrases = phrases;
    this.#handlers = handlers;
    const attributes = { id: "message", rows: "1", enterkeyhint: "send", autocomplete: "off" };
    this.#text = make("textarea", { ...attributes, placeholder: texts.placeholder, "aria-describedby": "counter" });
    this.#send = make("button", { type: "submit", class: "send", "aria-label": texts.send }, icon("send"));
    this.#field = make("div", { class: "field" }, this.#text, this.#send);
    const label = make("label", { for: "message", class: "unseen" }, texts.message);
    this.root = make("form", { class: "composer" }, label, this.#field, this.#counter);
    this.#listen();
    this.#show();
  }

  get draft(): string {
    return this.#text.value;
  }

  set draft(text: string) {
    this.#text.value = text;
    this.#show();
  }

  focus(): void {
    this.#text.focus();
  }

  #listen(): void {
    this.#text.addEventListener("input", () => this.#show());
    this.#text.addEventListener("keydown", (event) => {
      // 229: the Enter that ends a composition in Safari, where that is over already.
      const isComposing = event.isComposing || event.keyCode === 229;
      if (event.key !== "Enter" || event.shiftKey || isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
      this.#text.focus(); // the button is disabled now, and would take the focus with it
    });
    this.#field.addEventListener("pointerdown", (event) => {
      if (event.target !== this.#field) return;
      event.preventDefault();
      this.#text.focus();
    });
  }

  #submit(): void {
    const text = this.draft.trim();
    if (!isSendable(text)) return;
    this.draft = "";
    this.#handlers.onSend(text);
  }

  #show(): void {
    const text = this.draft.trim();
    this.#send.disabled = !isSendable(text);
    this.#fit();
    this.#showLength(MESSAGE_MAX - messageLength(text));
  }

  #showLength(left: number): void {
    const { texts } = this.#phrases;
    const wasBad = this.#field.classList.contains("bad");
    const isBad = left < 0;
    this.#counter.hidden = left > NEAR;
    const counted = this.#phrases.counted(isBad ? texts.tooLong : texts.left, Math.abs(left));
    this.#counter.textContent = left > NEAR ? "" : counted;
    for (const element of [this.#field, this.#counter]) element.classList.toggle("bad", isBad);
    this.#text.setAttribute("aria-invalid", String(isBad));
    if (isBad && !wasBad) this.#handlers.announce(counted);
  }

  /** As high as its text, where the browser does not do that by itself. */
  #fit(): void {
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
