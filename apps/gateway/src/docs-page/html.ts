/** A piece of HTML, as opposed to text that is yet to be escaped. */
export class Html {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

type Part = Html | string | number | undefined | Part[];

function source(part: Part): string {
  if (part === undefined) return "";
  if (Array.isArray(part)) return part.map(source).join("");
  return part instanceof Html ? part.source : escape(String(part));
}

/** A template whose values are escaped, but for those that are HTML already. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(String.raw({ raw: strings }, ...parts.map(source)));
}

/** Prose in which `code` is marked with back quotes. */
export function prose(text: string | undefined): Html {
  const pieces = (text ?? "")
    .split("`")
    .map((piece, index) => (index % 2 === 0 ? html`${piece}` : html`<code>${piece}</code>`));
  return html`${pieces}`;
}
