import { LiveReader, type WireEvent } from "@chat-relay/testkit/live-reader";
import type { Visitor } from "./load.ts";
import type { Random } from "./random.ts";
import { Transcript } from "./transcript.ts";

export interface LiveVisitorOptions {
  visitor: Visitor;
  /** URL of the gateway that the connection goes to; they are counted from 0. */
  pick: (connection: number) => string;
  random: Random;
  /** Longest wait before the next connection; 500 by default. */
  returnWithinMs?: number;
}

const LEAST_WAIT_MS = 50;

/**
 * A visitor who follows a session live from its beginning, as a browser does: whenever the stream is over or refused, the
 * next one begins a little later with the id of the last event.
 */
export class LiveVisitor implements Disposable {
  readonly visitor: Visitor;
  readonly transcript: Transcript;
  /** Connections that were answered with a stream. */
  streams = 0;
  /** When the last of them was ready (`Date.now`). */
  readyAtMs = 0;
  /** How each connection that was no stream was answered; 0 for not at all. */
  readonly refusals: number[] = [];
  /** Time from when a message was stored until it was shown. */
  readonly lagsMs: number[] = [];
  #options: LiveVisitorOptions;
  #reader: LiveReader | undefined;
  #connections = 0;
  #isReady = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LiveVisitorOptions) {
    this.#options = options;
    this.visitor = options.visitor;
    this.transcript = new Transcript(this.visitor.sessionId);
    this.#connect();
  }

  /** The present connection is a stream that has said where it goes on. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** What is shown of the reply to a message; of several blocks all. */
  shownOf(messageId: string): string {
    return this.transcript.text.of(messageId).join("");
  }

  /** The connection is lost, as where the network is bad. */
  drop(): void {
    this.#reader?.close();
  }

  /** Reads no more, but keeps the connection. */
  pause(): void {
    this.#reader?.pause();
  }

  resume(): void {
    this.#reader?.resume();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#reader?.close();
  }

  #connect(): void {
    const { pick, visitor } = this.#options;
    this.transcript.connect();
    this.#reader = new LiveReader({
      url: pick(this.#connections),
      sessionId: visitor.sessionId,
      token: visitor.sessionToken,
      lastEventId: this.transcript.lastEventId,
      listener: {
        onEvent: (event) => this.#take(event),
        onFault: (error) => this.transcript.report("framed", error.message),
        onClosed: () => this.#lost(),
      },
    });
    this.#connections += 1;
  }

  #take(event: WireEvent): void {
    if (event.event === "ready") {
      this.streams += 1;
      this.#isReady = true;
      this.readyAtMs = Date.now();
    }
    if (event.event === "message") this.lagsMs.push(Date.now() - Date.parse(event.data.createdAt));
    if (event.event === "end") this.transcript.report("open", "it was told to end");
    this.transcript.take(event);
  }

  #lost(): void {
    this.#isReady = false;
    if (this.#closed || this.transcript.ended) return;
    const status = this.#reader?.status ?? 0;
    if (status !== 200) this.refusals.push(status);
    const isFinal = status >= 400 && status < 500 && status !== 429;
    if (isFinal) return this.transcript.report("open", `it was answered ${status}`);
    const { random, returnWithinMs = 500 } = this.#options;
    const waitMs = LEAST_WAIT_MS + random.int(returnWithinMs - LEAST_WAIT_MS);
    this.#timer = setTimeout(() => this.#connect(), waitMs);
  }
}
