import { once } from "node:events";
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { hasReached, type Position, type SessionEvent } from "@chat-relay/core/session-events";
import type { SessionEventPage } from "@chat-relay/database/read-session-events";
import type { FramedChange, FramedText, SessionReader } from "./session-reader.ts";
import { END_FRAME, eventFrame, HEARTBEAT_FRAME, readyFrame, resetFrame } from "./frames.ts";

/** How long a reader has for what is left when its stream ends. */
const FLUSH_MS = 10_000;

export type StreamHeaders = Record<string, number | string | string[] | undefined>;

export interface Beginning {
  /** The session's newest event when the stream began to hear of it: a reader who is there need not read. */
  newest: Position;
  /** Tells the reader that the position it came with is of no use. */
  isReset: boolean;
}

/** What all streams of a session have in common. */
export interface StreamHost {
  sessionId: string;
  bufferMaxBytes: number;
  read(after: Position): Promise<SessionEventPage>;
  /** Hears of events that a stream found by reading. */
  observe(event: SessionEvent): void;
  /** Frames of the text so far of replies under way. */
  textFrames(): string;
  /** A stream was cut: its reader left more unread than it may. */
  onCut(): void;
  onReadError(error: unknown): void;
}

/** Of a connection that breaks while it is written to; its close is what counts. */
const ignoreError = (): void => undefined;

/**
 * One reader. It reads from PostgreSQL until there is nothing after its position, paced by the connection; from then on it
 * is told what happens. What it may have missed it reads again: there is no gap between the two, and no repeat.
 */
export class LiveStream implements SessionReader {
  #host: StreamHost;
  #response: ServerResponse;
  #position: Position = { sequence: 0, status: 0 };
  /** Reads, and is told nothing meanwhile. */
  #reading = true;
  /** Something has happened that it has not read. */
  #behind = false;
  #ending = false;
  #begun = false;

  constructor(host: StreamHost, response: ServerResponse) {
    this.#host = host;
    this.#response = response;
    response.on("error", ignoreError);
  }

  /** It was taken in, and opened if its reader was still there. */
  get hasBegun(): boolean {
    return this.#begun;
  }

  /** Opens the response and goes on from the position. */
  begin(headers: StreamHeaders, position: Position, { newest, isReset }: Beginning): void {
    this.#begun = true;
    if (!this.#isOpen) return;
    const { sessionId } = this.#host;
    this.#position = position;
    if (!hasReached(position, newest)) this.#behind = true;
    this.#response.writeHead(200, headers as OutgoingHttpHeaders);
    this.#response.cork();
    // By itself: joined to what follows, the head would be kept as the eighty pieces that Node makes it of.
    this.#response.flushHeaders();
    this.#response.write(readyFrame(sessionId, position));
    if (isReset) this.#response.write(resetFrame(sessionId, position));
    this.#response.uncork();
    void this.#read();
  }

  /** Tells of a change, or has it read. */
  offer(change: FramedChange): void {
    if (this.#reading) this.#behind = true;
    else if (!hasReached(this.#position, change.after)) this.catchUp();
    else this.#tellEvents(change.events);
  }

  /** The session's newest event is at this position: reads what is missing. */
  reach(position: Position): void {
    if (!this.#response.headersSent) return; // not at its own position yet
    if (!hasReached(this.#position, position)) this.catchUp();
  }

  /** Reads what came after its position. */
  catchUp(): void {
    this.#behind = true;
    if (this.#reading) return;
    this.#reading = true;
    void this.#read();
  }

  tellText({ frames }: FramedText): void {
    this.tell(frames);
  }

  /** Sends frames now, unless it is reading: then it gets to see the whole text later. */
  tell(frames: string): void {
    if (this.#reading || !this.#isOpen || frames === "") return;
    // Looked at before the write: one large event is not the reader's fault.
    if (this.#response.writableLength <= this.#host.bufferMaxBytes) return void this.#response.write(frames);
    this.#host.onCut();
    this.#response.destroy();
  }

  heartbeat(): void {
    if (this.#response.headersSent && this.#isOpen && !this.#response.writableNeedDrain)
      this.#response.write(HEARTBEAT_FRAME);
  }

  /** The session is over: sends what is left, says so and closes. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.catchUp();
  }

  /** Closes without a word: the reader goes on elsewhere. */
  close(): void {
    if (this.#response.headersSent) this.#finish(); // else it is still being opened, which is then refused
  }

  // All in one write: what is told together is no sign of a reader that is slow.
  #tellEvents(events: FramedChange["events"]): void {
    const fresh = events.filter(({ position }) => !hasReached(this.#position, position));
    const last = fresh.at(-1);
    if (last === undefined) return;
    this.#position = last.position;
    this.tell(fresh.map(({ frame }) => frame).join(""));
  }

  /** Ends the response; one that its reader does not take is broken off. */
  #finish(lastFrame = ""): void {
    this.#response.end(lastFrame);
    const timer = setTimeout(() => this.#response.destroy(), FLUSH_MS);
    this.#response.once("close", () => clearTimeout(timer));
  }

  get #isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  async #read(): Promise<void> {
    try {
      while (this.#behind && this.#isOpen) await this.#readPage();
    } catch (error) {
      // PostgreSQL is away: what is missing is found by the next look, and an end that was due is seen again.
      this.#host.onReadError(error);
      this.#ending = false;
    }
    this.#reading = false;
    if (!this.#isOpen) return;
    if (this.#ending) this.#finish(END_FRAME);
    else this.tell(this.#host.textFrames());
  }

  async #readPage(): Promise<void> {
    this.#behind = false;
    const page = await this.#host.read(this.#position);
    for (const event of page.events) {
      this.#position = event.position;
      this.#host.observe(event);
      if (!this.#response.write(eventFrame(this.#host.sessionId, event))) await this.#drained();
      if (!this.#isOpen) return;
    }
    this.#position = page.position;
    if (page.hasMore) this.#behind = true;
  }

  async #drained(): Promise<void> {
    if (!this.#isOpen) return;
    const closed = new AbortController();
    const onClose = (): void => closed.abort();
    this.#response.once("close", onClose);
    await once(this.#response, "drain", { signal: closed.signal }).catch(() => undefined);
    this.#response.off("close", onClose);
  }
}
