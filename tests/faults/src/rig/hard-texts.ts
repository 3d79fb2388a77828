/** A text that something between here and there may stumble over. */
export interface HardText {
  name: string;
  text: string;
  /** Whether PostgreSQL can store it as it is. */
  storable: boolean;
}

const UNSTORABLE: Record<string, string> = {
  NUL: "a\u0000b",
  "nothing but NUL": "\u0000",
  "a lone high surrogate": "a\uD800b",
  "a lone low surrogate": "a\uDC00b",
  "surrogates the wrong way round": "\uDE00\uD83D",
  "half an emoji at the end": "ok \uD83D",
};

const STORABLE: Record<string, string> = {
  "emoji joined to one": "\u{1F469}\u200D\u{1F469}\u200D\u{1F467}\u200D\u{1F466}",
  "a flag": "\u{1F1E9}\u{1F1EA}",
  "right to left": "\u202Eabc\u202C \u2066\u05D0\u05D1\u2069",
  "four bytes each": "\u{1D4B3}".repeat(1_000),
  "a flood of combining marks": `e${"\u0301".repeat(3_000)}`,
  "characters that are none": "\uFFFE\uFFFF\u{10FFFF}",
  "a byte order mark": "\uFEFFa",
  "control characters": "\u0001\u0008\u000b\u001b[31m\u007f\u0085 a",
  "line ends of all kinds": "a\r\nb\u2028c\u2029d\n\nevent: message\ndata: {}\n\n",
  "an escape that is text": String.raw`\u0000 \ud800 \x00`,
  SQL: "'; DROP TABLE chat_message; -- $1 E'\\000'",
  HTML: `<script>alert("x")</script><img src=x onerror=alert(1)>`,
  "white space around": " \t a \u00A0 ",
};

/** Texts of visitors and workflows, in every alphabet and in none. */
export const HARD_TEXTS: readonly HardText[] = [
  ...Object.entries(UNSTORABLE).map(([name, text]) => ({ name, text, storable: false })),
  ...Object.entries(STORABLE).map(([name, text]) => ({ name, text, storable: true })),
];

/** What becomes of it where it is mended rather than refused. */
export function mended(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "\uFFFD");
}
