import { toStorable, truncateText } from "@chat-relay/core/text";
import { repliesInJson } from "./json-replies.ts";
import { overLimit, type ReplyLimits } from "./read-replies.ts";

/** What n8n's stream said, once its body has ended properly. */
export type StreamResult =
  /** In the order in which their blocks began. */
  | { kind: "replies"; replies: string[] }
  /** A retry cannot help. */
  | { kind: "unreadable"; problem: string }
  /** The workflow failed, whatever it said before or after: a failed attempt. */
  | { kind: "error"; problem: string };

export interface StreamOptions {
  limits: ReplyLimits;
  /** The text of a block goes on with this. */
  onText: (block: number, text: string) => void;
}

const TYPES: unknown[] = ["begin", "item", "end", "error", "keepalive"];

/** Of what n8n says about a failure. */
const ERROR_MAX_CHARS = 400;

/** White space as JSON has it. */
const BLANK = /^[ \t\r\n]*$/;
const LEADING_BLANK = /^[ \t\r\n]+/;

/** How an object or array may begin. Replies may be read from such a text, so nobody is to see it before that is known. */
const JSON_BEGINNING = /^(?:\{[\s"}]|\[[\s\]{["\-0-9tfn])/;

type Fields = Record<string, unknown>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

/** Undefined when it is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function endsInHalfPair(text: string): boolean {
  const unit = text.charCodeAt(text.length - 1);
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Only names and numbers tell blocks apart: what is nested too deeply cannot be written as JSON again. */
function keyPart(value: unknown): unknown {
  return typeof value === "string" || typeof value === "number" ? value : null;
}

function blockKey(metadata: unknown): string {
  const { nodeId, runIndex, itemIndex }: Fields = isObject(metadata) ? metadata : {};
  return JSON.stringify([nodeId, runIndex, itemIndex].map(keyPart));
}

function failureOf(errorLine: Fields): StreamResult {
  const { content } = errorLine;
  const problem = "n8n's stream reports an error";
  if (typeof content !== "string" || content.trim() === "") return { kind: "error", problem };
  return { kind: "error", problem: `${problem}: ${truncateText(toStorable(content.trim()), ERROR_MAX_CHARS)}` };
}

/** What one run of one node says about one item. */
class Block {
  #onText: (text: string) => void;
  #text = "";
  /** First half of a surrogate pair: the other half may come with the next piece. */
  #half = "";
  /** First two units of the text after white space. */
  #beginning = "";
  /** "held" looks like JSON, "json" is all of it; "shown" is shown as it comes. */
  #state: "blank" | "held" | "json" | "shown" = "blank";

  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  append(content: string): void {
    const joined = this.#half + content;
    const end = endsInHalfPair(joined) ? joined.length - 1 : joined.length;
    this.#half = joined.slice(end);
    this.#add(toStorable(joined.slice(0, end)));
  }

  /** An `end` line: the same node may still go on, but a reader has waited long enough. */
  end(): void {
    if (this.#state !== "held") return;
    if (isObject(parseJson(this.#text))) this.#state = "json";
    else this.#show();
  }

  /** Nothing more comes: its replies. */
  finish(): string[] {
    this.#add(toStorable(this.#half));
    this.#half = "";
    this.end();
    if (this.#state === "blank") this.#show();
    const value = parseJson(this.#text);
    if (isObject(value)) return repliesInJson(value);
    return this.#text === "" ? [] : [this.#text];
  }

  // Each piece is looked at once, and the whole text once at an end: however many pieces and ends there are.
  #add(piece: string): void {
    if (piece === "") return;
    this.#text += piece;
    if (this.#state === "shown") this.#onText(piece);
    else if (this.#state === "blank") this.#judgeBeginning(piece);
    else if (this.#state === "json" && !BLANK.test(piece)) this.#show(); // JSON and more is not JSON, whatever follows
  }

  #judgeBeginning(piece: string): void {
    this.#beginning += this.#beginning === "" ? piece.trimStart().slice(0, 2) : piece.slice(0, 1);
    if (["", "{", "["].includes(this.#beginning)) return;
    if (JSON_BEGINNING.test(this.#beginning)) this.#state = "held";
    else this.#show();
  }

  #show(): void {
    this.#state = "shown";
    if (this.#text !== "") this.#onText(this.#text);
  }
}

/** Reads n8n's streamed answer while it comes, however it is cut into chunks, and finds out whether it is one. */
export class N8nStream {
  #options: StreamOptions;
  #decoder = new TextDecoder();
  /** Parts of the line that is under way: joined once, so that a long line in small chunks costs no more than a short one. */
  #line: string[] = [];
  #recognised: boolean | undefined;
  #failure: StreamResult | undefined;
  #blocks = new Map<string, Block>();

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Feeds the next bytes of any 2xx answer; until its first line is known nothing is decided. */
  write(chunk: Uint8Array): void {
    if (this.#listening) this.#read(this.#decoder.decode(chunk, { stream: true }));
  }

  /** Whether the answer is n8n's stream: undefined while the first line is not complete. */
  get recognised(): boolean | undefined {
    return this.#recognised;
  }

  /** The body has ended properly; undefined when it was no stream. */
  finish(): StreamResult | undefined {
    this.#read(`${this.#decoder.decode()}\n`); // the last line need not be ended
    this.#recognised ??= false;
    if (!this.#recognised) return undefined;
    return this.#failure ?? this.#replies();
  }

  /** Neither another kind of answer nor a failed one can become anything else. */
  get #listening(): boolean {
    return this.#recognised !== false && this.#failure?.kind !== "error";
  }

  #read(text: string): void {
    const lines = this.#fromBeginning(text).split("\n");
    const rest = lines.pop() ?? "";
    for (const line of lines) {
      this.#line.push(line);
      this.#endLine();
      if (!this.#listening) return;
    }
    if (rest !== "") this.#line.push(rest);
  }

  /** Without the white space that the body begins with; what then is no object is no stream. */
  #fromBeginning(text: string): string {
    if (this.#recognised !== undefined || this.#line.length > 0) return text;
    const trimmed = text.replace(LEADING_BLANK, "");
    if (trimmed === "" || trimmed.startsWith("{")) return trimmed;
    this.#recognised = false;
    return "";
  }

  #endLine(): void {
    const line = this.#line.join("");
    this.#line = [];
    if (BLANK.test(line)) return;
    const value = parseJson(line);
    this.#recognised ??= isObject(value) && TYPES.includes(value["type"]);
    if (!this.#recognised) return;
    if (value === undefined) this.#failure ??= { kind: "unreadable", problem: "holds a line that is not JSON" };
    else if (isObject(value)) this.#take(value);
  }

  #take(line: Fields): void {
    if (line["type"] === "error") this.#failure = failureOf(line);
    if (this.#failure !== undefined) return;
    if (line["type"] === "begin") this.#block(line["metadata"]);
    if (line["type"] === "item" && typeof line["content"] === "string")
      this.#block(line["metadata"]).append(line["content"]);
    if (line["type"] === "end") this.#blocks.get(blockKey(line["metadata"]))?.end();
  }

  #block(metadata: unknown): Block {
    const key = blockKey(metadata);
    const number = this.#blocks.size;
    const block = this.#blocks.get(key) ?? new Block((text) => this.#options.onText(number, text));
    this.#blocks.set(key, block);
    return block;
  }

  #replies(): StreamResult {
    const found = [...this.#blocks.values()].flatMap((block) => block.finish());
    const problem = overLimit(found, this.#options.limits);
    return problem === undefined
      ? { kind: "replies", replies: found.map(toStorable) }
      : { kind: "unreadable", problem };
  }
}
