import type { Token } from "marked";
import { parseBlocks, toHtml } from "./markdown-parser.ts";
import { sanitize } from "./sanitize.ts";
import { settledBlocks } from "./settled-blocks.ts";

/** A line of so many quote and list marks is no text that somebody wrote, and takes the parser long. */
const TOO_DEEP = /^(?:[ \t]*(?:>|[-*+][ \t]|\d{1,9}[.)][ \t])){40}/m;

/** So much ASCII without white space is no word or address, and some of it takes the parser's rules for emphasis minutes. */
const TOO_DENSE = /[!-~]{2000}/;

/** More elements in one reply would freeze the page for seconds; a reply as long as may be has fewer, if it is written to be read. */
const ELEMENTS_MAX = 5_000;

/** `[name]: address` may change what was read before it. */
const DEFINITION = /^ {0,3}\[[^\]\n]+\]:/m;

/** Rendering takes at most one part in so many of the time, however long a reply becomes. */
const SHARE = 4;

/**
 * Shows a markdown text that may still be growing. What is settled is rendered once and stays (with the reader's
 * selection in it); only the last block is rendered again with each piece.
 */
export class MarkdownText {
  #root: HTMLElement;
  #finish: (nodes: DocumentFragment) => void;
  #settled = "";
  /** How many elements that made. */
  #elements = 0;
  /** The rest was too much for the parser or for the page, and more of it is, too. */
  #isTooMuch = false;
  /** The nodes of what is not settled. */
  #tail: ChildNode[] = [];
  #wanted = "";
  #rendered = "";
  #frame = 0;
  #restUntil = 0;

  /** `finish` may add to the nodes before they are shown. */
  constructor(root: HTMLElement, finish: (nodes: DocumentFragment) => void) {
    this.#root = root;
    this.#finish = finish;
  }

  /** Shows the text: at once when it is whole, else when it is time. */
  show(text: string, isWhole: boolean): void {
    this.#wanted = text.replace(/\r\n?/g, "\n"); // as the parser does: what it read is compared with this
    if (!isWhole && performance.now() < this.#restUntil) return this.#later();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const startedAt = performance.now();
    this.#render(this.#wanted, isWhole);
    const now = performance.now();
    this.#restUntil = now + (now - startedAt) * (SHARE - 1);
  }

  #later(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.show(this.#wanted, false);
    });
  }

  #render(text: string, isWhole: boolean): void {
    const hasDefinitions = isWhole && DEFINITION.test(text);
    if (text === this.#rendered && !hasDefinitions) return;
    this.#isTooMuch &&= text.startsWith(this.#rendered);
    this.#rendered = text;
    if (hasDefinitions || !text.startsWith(this.#settled)) this.#clear();
    const rest = text.slice(this.#settled.length);
    const focused = this.#focusedInTail();
    try {
      this.#renderBlocks(rest);
    } catch {
      this.#isTooMuch = true;
      this.#replaceTail(asItIs(rest)); // it can be read at least
    }
    this.#focusables()[focused]?.focus({ preventScroll: true });
  }

  #renderBlocks(text: string): void {
    if (this.#isTooMuch || TOO_DEEP.test(text) || TOO_DENSE.test(text))
      throw new RangeError("nothing that somebody wrote");
    const blocks = parseBlocks(text);
    const settled = blocks.splice(0, settledBlocks(blocks));
    if (settled.length === 0 && this.#extendCode(blocks)) return;
    const [html, tailHtml] = [toHtml(settled), toHtml(blocks)];
    const elements = this.#elements + countElements(html);
    if (elements + countElements(tailHtml) > ELEMENTS_MAX) throw new RangeError("too many elements");
    const [nodes, tail] = [sanitize(html), sanitize(tailHtml)];
    this.#elements = elements;
    this.#settled += settled.map(({ raw }) => raw).join("");
    this.#replaceTail(nodes);
    this.#tail = this.#append(tail);
  }

  /** Code that goes on keeps its element, and with it how far the reader has scrolled in it. */
  #extendCode([block, ...others]: Token[]): boolean {
    const [frame, ...rest] = this.#tailElements();
    const code = frame?.querySelector("pre > code");
    const isCode = block?.type === "code" && others.length === 0 && rest.length === 0;
    if (!isCode || !code || code.className !== (block.lang ? `language-${block.lang}` : "")) return false;
    code.textContent = `${block.text}\n`;
    return true;
  }

  #replaceTail(nodes: DocumentFragment): void {
    for (const node of this.#tail) node.remove();
    this.#tail = this.#append(nodes);
  }

  /** Which of the controls in the last block has the focus: it is to have it again when that was rendered anew. */
  #focusedInTail(): number {
    const { activeElement } = this.#root.getRootNode() as ShadowRoot;
    return this.#focusables().findIndex((element) => element === activeElement);
  }

  #focusables(): HTMLElement[] {
    return this.#tailElements().flatMap((element) => [
      ...element.querySelectorAll<HTMLElement>("a[href], button, [tabindex]"),
    ]);
  }

  #tailElements(): HTMLElement[] {
    return this.#tail.filter((node) => node instanceof HTMLElement);
  }

  #append(nodes: DocumentFragment): ChildNode[] {
    this.#finish(nodes);
    const added = [...nodes.childNodes];
    this.#root.append(nodes);
    return added;
  }

  #clear(): void {
    this.#settled = "";
    this.#elements = 0;
    this.#tail = [];
    this.#root.replaceChildren();
  }
}

function countElements(html: string): number {
  return html.match(/<[a-z]/g)?.length ?? 0;
}

function asItIs(text: string): DocumentFragment {
  const paragraph = document.createElement("p");
  const nodes = document.createDocumentFragment();
  paragraph.textContent = text;
  nodes.append(paragraph);
  return nodes;
}
