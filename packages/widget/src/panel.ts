import { icon } from "./icon.ts";
import { make } from "./make.ts";
import type { Phrases } from "./texts/phrases.ts";

interface Parts {
  readonly phrases: Phrases;
  readonly isInline: boolean;
  readonly onClose: () => void;
  readonly content: readonly HTMLElement[];
}

/** The panel around the conversation: its name, and the way out. Inline it is a part of the page, else a dialog. */
export function makePanel({ phrases: { texts }, isInline, onClose, content }: Parts): HTMLElement {
  const subheading = texts.subheading === "" ? [] : [make("p", {}, texts.subheading)];
  const names = make("div", { class: "names" }, make("h2", { id: "heading" }, texts.heading), ...subheading);
  const mark = make("span", { class: "mark" }, icon("chat"));
  const header = make("header", {}, mark, names, ...(isInline ? [] : [closeButton(texts.closeChat, onClose)]));
  const attributes = isInline ? {} : { role: "dialog", "aria-labelledby": "heading", tabindex: "-1" };
  return make("section", { class: isInline ? "panel open" : "panel", ...attributes }, header, ...content);
}

function closeButton(name: string, onClose: () => void): HTMLElement {
  const button = make("button", { type: "button", class: "plain-button", "aria-label": name }, icon("close"));
  button.addEventListener("click", onClose);
  return button;
}
