import { frameWideParts } from "./frame-wide-parts.ts";
import type { MarkdownText } from "./markdown/markdown-text.ts";
import type { Phrases } from "./texts/phrases.ts";

let renderer: typeof MarkdownText | null = null;
let loading: Promise<void> | null = null;
let failures = 0;

/** A browser that could not load a script does not ask for the same address again. */
function rendererUrl(): string {
  const again = failures === 0 ? "" : `?again=${failures}`;
  return new URL(`markdown-text.js${again}`, import.meta.url).href;
}

/** Fetches what renders replies. It is more than half of all the code, and a page without a reply does not need it. */
export function loadRenderer(): Promise<void> {
  loading ??= (import(rendererUrl()) as Promise<{ MarkdownText: typeof MarkdownText }>).then(
    (loaded) => void (renderer = loaded.MarkdownText),
    () => {
      loading = null; // asked for again with the next reply; until then they are shown as they were written
      failures += 1;
    },
  );
  return loading;
}

/** The text of a reply: markdown, rendered as soon as the renderer is there. */
export class ReplyText {
  #root: HTMLElement;
  #phrases: Phrases;
  #markdown: MarkdownText | null = null;
  #shown = { text: "", isWhole: false };

  constructor(root: HTMLElement, phrases: Phrases) {
    this.#root = root;
    this.#phrases = phrases;
  }

  show(text: string, isWhole: boolean): void {
    if (this.#shown.text === text && this.#shown.isWhole === isWhole) return;
    this.#shown = { text, isWhole };
    if (renderer === null) this.#showPlain();
    else this.#show(renderer);
  }

  #showPlain(): void {
    this.#root.classList.add("plain");
    this.#root.textContent = this.#shown.text;
    void loadRenderer().then(() => {
      if (renderer !== null && this.#markdown === null) this.#show(renderer);
    });
  }

  #show(Renderer: typeof MarkdownText): void {
    if (this.#markdown === null) {
      this.#root.classList.remove("plain");
      this.#root.replaceChildren();
      this.#markdown = new Renderer(this.#root, (nodes) => frameWideParts(nodes, this.#phrases));
    }
    this.#markdown.show(this.#shown.text, this.#shown.isWhole);
  }
}
