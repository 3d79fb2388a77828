import { request, type IncomingMessage } from "node:http";
import { waitFor } from "./wait-for.ts";

/** An event as it came over the wire. */
export interface WireEvent {
  event: string;
  id: string | undefined;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  data: any;
}

/** Hears a stream as it comes. */
export interface LiveListener {
  onEvent(event: WireEvent): void;
  /** What came is not framed as promised. */
  onFault(error: Error): void;
  /** The stream is over, or was refused. */
  onClosed(): void;
}

export interface LiveReaderOptions {
  /** The gateway's base URL. */
  url: string;
  sessionId: string;
  token: string;
  lastEventId?: string | undefined;
  headers?: Record<string, string>;
  /** Gets what comes, of which then nothing is kept here. */
  listener?: LiveListener;
}

const COMMENT = /^:.*$/;
const RETRY = /^retry: \d+$/;

function parseEvent(block: string): WireEvent {
  // Other ends of lines than ours, which a browser would heed too.
  if (/[\r\0]/.test(block)) throw new Error(`not framed as ours: ${JSON.stringify(block)}`);
  const fields = block.split("\n").map((line) => {
    const [name = "", ...rest] = line.split(": ");
    return [name, rest.join(": ")] as const;
  });
  const of = (name: string) => fields.filter(([field]) => field === name).map(([, value]) => value);
  const known = ["event", "id", "data", "retry", ""];
  const names = fields.map(([name]) => name);
  if (names.some((name) => !known.includes(name)) || new Set(names).size < names.length)
    throw new Error(`not an event of ours: ${block}`);
  const [data] = of("data");
  return { event: of("event")[0] ?? "", id: of("id")[0], data: data === undefined ? undefined : JSON.parse(data) };
}

/** One open live stream, read strictly: what is not framed as promised is an error. */
export class LiveReader {
  readonly events: WireEvent[] = [];
  comments = 0;
  status = 0;
  headers: IncomingMessage["headers"] = {};
  /** The stream is over: by the server, or broken off. */
  closed = false;
  /** Everything that came, as text. */
  raw = "";
  #request;
  #response: IncomingMessage | undefined;
  #listener: LiveListener | undefined;
  #rest = "";

  constructor({ url, sessionId, token, lastEventId, headers, listener }: LiveReaderOptions) {
    this.#listener = listener;
    this.#request = request(`${url}/api/chat/stream/${sessionId}`, {
      agent: false,
      headers: {
        authorization: `Bearer ${token}`,
        ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
        ...headers,
      },
    });
    this.#request.on("response", (response) => this.#open(response));
    this.#request.on("error", () => this.#close());
    this.#request.on("close", () => this.#close());
    this.#request.end();
  }

  /** The id to resume with. */
  get lastEventId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  /** Events of one kind. */
  of(event: string): WireEvent[] {
    return this.events.filter((one) => one.event === event);
  }

  /** Waits until there are so many events of a kind, and returns them. */
  async until(event: string, count = 1, timeoutMs?: number): Promise<WireEvent[]> {
    await waitFor(`${count} events "${event}"`, () => this.of(event).length >= count, timeoutMs);
    return this.of(event);
  }

  /** Waits for the response's head. */
  async answered(): Promise<number> {
    return waitFor("the stream's answer", () => this.status);
  }

  /** Reads no more; what comes waits in the sockets' buffers. */
  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  close(): void {
    this.#request.destroy();
  }

  #open(response: IncomingMessage): void {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#read(text));
    response.on("close", () => this.#close());
    response.on("error", () => this.#close());
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener?.onClosed();
  }

  #read(text: string): void {
    if (this.#listener === undefined) this.raw += text;
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) {
      if (COMMENT.test(block)) this.comments += 1;
      else if (!RETRY.test(block)) this.#take(block);
    }
  }

  #take(block: string): void {
    if (this.#listener === undefined) return void this.events.push(parseEvent(block));
    try {
      this.#listener.onEvent(parseEvent(block));
    } catch (error) {
      this.#listener.onFault(error as Error);
    }
  }
}
