import { Marked, type RendererObject, type Token, type Tokens, type TokenizerObject, type TokensList } from "marked";

// No markup passes through: what looks like a tag is text. A line break is one all the same, since tables need it.
const tokenizer: TokenizerObject = {
  html: () => undefined,
  tag(source) {
    const raw = /^<br\s*\/?>/i.exec(source)?.[0];
    if (raw === undefined) return undefined;
    return { type: "html", raw, text: "<br>", block: false, inLink: false, inRawBlock: false };
  },
};

const renderer: RendererObject = {
  /** One level is enough below the panel's heading, and keeps the page's outline in order. */
  heading({ tokens, depth }: Tokens.Heading): string {
    const text = this.parser.parseInline(tokens);
    return depth <= 2 ? `<h3>${text}</h3>\n` : `<p><strong>${text}</strong></p>\n`;
  },
  /** Nothing is loaded that the visitor did not ask for: an image is a link to it. */
  image({ href, text }: Tokens.Image): string {
    return `<a href="${escaped(href)}">${escaped(text || href)}</a>`;
  },
  /** An image in a link is its text: a link in a link would leave one of them empty. */
  link({ href, tokens }: Tokens.Link): string {
    return `<a href="${escaped(href)}">${this.parser.parseInline(tokens.map(withoutImage))}</a>`;
  },
  listitem({ task, tokens }: Tokens.ListItem): string {
    return `<li${task ? ' class="task"' : ""}>${this.parser.parse(tokens)}</li>\n`;
  },
  checkbox({ checked }: Tokens.Checkbox): string {
    return checked ? "☑ " : "☐ ";
  },
};

const marked = new Marked({ gfm: true, breaks: true, tokenizer, renderer });

/** The blocks of a markdown text. */
export function parseBlocks(text: string): TokensList {
  return marked.lexer(text);
}

/** HTML of blocks; not to be trusted. */
export function toHtml(blocks: Token[]): string {
  return marked.parser(blocks);
}

function withoutImage(token: Token): Token {
  if (token.type === "image")
    return { type: "text", raw: token.raw, text: token["text"] || token["href"], escaped: false };
  return "tokens" in token && Array.isArray(token["tokens"])
    ? { ...token, tokens: token["tokens"].map(withoutImage) }
    : token;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? "");
}
