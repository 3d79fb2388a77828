import { icon } from "./icon.ts";
import { make } from "./make.ts";
import type { Phrases } from "./texts/phrases.ts";

const COPIED_MS = 2_000;

/** Code and tables may be wider than the chat: they get a frame to scroll in, and code a button to copy it. */
export function frameWideParts(nodes: DocumentFragment, phrases: Phrases): void {
  for (const table of nodes.querySelectorAll("table")) {
    const frame = make("div", { class: "table", tabindex: "0" });
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const code of nodes.querySelectorAll("pre")) {
    const bar = make("div", { class: "bar" }, make("span", { "aria-hidden": "true" }, languageOf(code)));
    const frame = make("div", { class: "code" }, bar);
    code.replaceWith(frame);
    code.tabIndex = 0;
    bar.append(copyButton(code, phrases));
    frame.append(code);
  }
}

function languageOf(code: HTMLElement): string {
  return code.firstElementChild?.className.replace("language-", "") ?? "";
}

function copyButton(code: HTMLElement, { texts }: Phrases): HTMLElement {
  const button = make("button", { type: "button", class: "copy", "aria-label": texts.copyCode }, icon("copy"));
  const show = (isCopied: boolean): void => {
    button.replaceChildren(icon(isCopied ? "check" : "copy"));
    button.setAttribute("aria-label", isCopied ? texts.copied : texts.copyCode);
  };
  button.addEventListener("click", () => {
    // The clipboard is not there on pages without TLS, and a browser may refuse it: then nothing says "copied".
    void navigator.clipboard?.writeText(code.textContent.replace(/\n$/, "")).then(
      () => {
        show(true);
        setTimeout(() => show(false), COPIED_MS);
      },
      () => {},
    );
  });
  return button;
}
