// Above the gateway's largest event: 1 MiB of text, escaped as JSON.
const MAX_CHARS = 8 * 1024 * 1024;
const LINE_END = /\r\n?|\n/g;

/** Reads `text/event-stream` by the rules of the WHATWG, from bytes in whatever pieces they come. */
export class EventStreamParser {
  /** The id to resume after. */
  lastEventId: string;
  /** The stream's last `retry`. */
  retryMs: number | null = null;
  #onEvent: (type: string, data: string) => void;
  #maxChars: number;
  // Drops a byte order mark, and keeps the half of a character that a piece ends in.
  #decoder = new TextDecoder();
  #line = "";
  #afterReturn = false;
  #type = "";
  #data = "";
  #id: string;

  constructor(lastEventId: string, onEvent: (type: string, data: string) => void, maxChars = MAX_CHARS) {
    this.lastEventId = lastEventId;
    this.#id = lastEventId;
    this.#onEvent = onEvent;
    this.#maxChars = maxChars;
  }

  /** Takes the next bytes; throws when a line or an event grows beyond all measure. */
  push(bytes: Uint8Array): void {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return;
    // The line was taken at its CR already, without waiting for what follows.
    if (this.#afterReturn && text.startsWith("\n")) text = text.slice(1);
    this.#afterReturn = text.endsWith("\r");
    let from = 0;
    for (const end of text.matchAll(LINE_END)) {
      this.#takeLine(this.#line + text.slice(from, end.index));
      this.#line = "";
      from = end.index + end[0].length;
    }
    this.#line += text.slice(from);
    if (this.#line.length + this.#data.length > this.#maxChars) throw new Error("The event is too large");
  }

  #takeLine(line: string): void {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":"); // at 0 in a comment: a field without a name
    if (colon < 0) return this.#takeField(line, "");
    this.#takeField(line.slice(0, colon), line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1));
  }

  #takeField(name: string, value: string): void {
    if (name === "event") this.#type = value;
    else if (name === "data") this.#data += `${value}\n`;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(): void {
    const [type, data] = [this.#type || "message", this.#data];
    this.#type = "";
    this.#data = "";
    this.lastEventId = this.#id;
    if (data !== "") this.#onEvent(type, data.slice(0, -1));
  }
}
