import type { Bus } from "@chat-relay/bus/bus";
import { readPieces } from "@chat-relay/bus/live-log";
import { followSession, type Feed, type FeedListener } from "@chat-relay/bus/session-feed";
import type { ReplyDelta, ReplyPieces } from "@chat-relay/core/reply-pieces";
import type { Position, SessionChange, SessionEvent } from "@chat-relay/core/session-events";
import type { Database } from "@chat-relay/database/database";
import { readReplyStates } from "@chat-relay/database/read-reply-states";
import { readSessionEvents, type SessionEventPage, type SessionState } from "@chat-relay/database/read-session-events";
import { deltaFrame, eventFrame } from "./frames.ts";
import type { StreamHost } from "./live-stream.ts";
import { LiveText } from "./live-text.ts";
import type { FramedChange, SessionReader } from "./session-reader.ts";

/** What all followed sessions of a gateway have in common. */
export interface FollowedSessionOptions {
  bus: Bus;
  database: Database;
  bufferMaxBytes: number;
  /** Text of one reply, in UTF-16 units, that is shown before it is finished. */
  replyMaxUnits: number;
  /** Events read from PostgreSQL at a time. */
  pageSize: number;
  /** A change came without its events: asks for a look at the session. */
  onUnread: (sessionId: string) => void;
  onCut: () => void;
  onError: (error: unknown, sessionId: string, during: string) => void;
}

/** The server has heard of a subscription within this time, or it is not waited for: the next look finds what was missed. */
const OPEN_TIMEOUT_MS = 1_000;
/** Missing pieces are looked for in the live log at most this often. */
const RELOAD_INTERVAL_MS = 1_000;

/**
 * A session that someone reads live at this gateway: one subscription and one text so far, however many the readers. Most of
 * them are quiet, and thousands are open: what only a busy one needs is made when it is.
 */
export class FollowedSession implements StreamHost, FeedListener {
  readonly sessionId: string;
  #options: FollowedSessionOptions;
  /** A new list with each that comes or goes. Most often there is one, for which a set would be large. */
  #readers: readonly SessionReader[] = [];
  #text: LiveText | undefined;
  #feed: Feed | undefined;
  /** The feed is being opened. */
  #opening: Promise<void> | undefined;
  /** The live log is being read: until it is known what of it is over, no text is shown. */
  #loading: Promise<void> | undefined;
  /** Pieces that came meanwhile. */
  #heard: ReplyPieces[] | undefined;
  #loadedAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(sessionId: string, options: FollowedSessionOptions) {
    this.sessionId = sessionId;
    this.#options = options;
  }

  get bufferMaxBytes(): number {
    return this.#options.bufferMaxBytes;
  }

  // A feed ends with its connection: the next look follows the session anew.
  get #isFollowed(): boolean {
    return this.#feed?.isClosed === false;
  }

  /** How many read it. */
  get size(): number {
    return this.#readers.length;
  }

  /** Hears of the session from when this settles, if NATS is there; once is enough. */
  async follow(): Promise<void> {
    if (this.#isFollowed) return this.#opening;
    const { bus } = this.#options;
    if (!bus.connected || this.#closed) return;
    const { feed, opened } = followSession(bus, this.sessionId, this);
    this.#feed = feed;
    const opening = within(opened, OPEN_TIMEOUT_MS);
    this.#opening = opening;
    this.#loadText(opening);
    await opening;
    this.#opening = undefined;
  }

  add(reader: SessionReader): void {
    this.#readers = this.#readers.concat(reader); // no larger than it is; a literal leaves room for sixteen more
  }

  delete(reader: SessionReader): void {
    this.#readers = this.#readers.filter((other) => other !== reader);
  }

  /** Nobody reads it any more. */
  close(): void {
    this.#closed = true;
    this.#feed?.close();
  }

  /** What PostgreSQL says of the session; undefined when there is no such session any more. */
  see(state: SessionState | undefined): void {
    if (!this.#isFollowed) void this.#followLate();
    for (const reader of this.#readers) {
      if (state === undefined || state.remainingMs === 0) reader.end();
      else reader.reach(state.position);
    }
  }

  // What happened before the feed was open was not heard.
  async #followLate(): Promise<void> {
    await this.follow();
    if (this.#isFollowed) this.#options.onUnread(this.sessionId);
  }

  /** NATS was away: brings the text that was said meanwhile, and was not heard. */
  async reread(): Promise<void> {
    await this.#loading;
    if (!this.#isFollowed || this.#closed) return;
    this.#loadText(Promise.resolve());
    await this.#loading;
  }

  read(after: Position): Promise<SessionEventPage> {
    return readSessionEvents(this.#options.database, this.sessionId, after, this.#options.pageSize);
  }

  observe(event: SessionEvent): void {
    this.#tell(this.#liveText().observe(event));
  }

  onCut(): void {
    this.#options.onCut();
  }

  /** The text so far of replies under way; none while it is being brought, for then it is told when it is there. */
  textSoFar(): ReplyDelta[] {
    return this.#loading === undefined ? (this.#text?.whole() ?? []) : [];
  }

  textFrames(): string {
    return this.textSoFar().map(deltaFrame).join("");
  }

  onReadError(error: unknown): void {
    this.#options.onError(error, this.sessionId, "read");
  }

  onChange({ after, events }: SessionChange): void {
    if (after === null || events.length === 0) return this.#options.onUnread(this.sessionId);
    const framed: FramedChange = {
      after,
      events: events.map((event) => ({ position: event.position, event, frame: eventFrame(this.sessionId, event) })),
    };
    for (const reader of this.#readers) reader.offer(framed);
    for (const event of events) this.observe(event);
  }

  onPieces(pieces: ReplyPieces): void {
    if (this.#loading !== undefined) return void (this.#heard ??= []).push(pieces);
    const { deltas, gap } = this.#liveText().take(pieces);
    this.#tell(deltas);
    if (gap && performance.now() - this.#loadedAtMs > RELOAD_INTERVAL_MS) this.#loadText(Promise.resolve());
  }

  #tell(deltas: ReplyDelta[]): void {
    if (this.#loading !== undefined) return; // they get to see the whole text then
    if (deltas.length === 0) return;
    const frames = deltas.map(deltaFrame).join("");
    for (const reader of this.#readers) reader.tellText({ deltas, frames });
  }

  /** Brings the text that was sent before, or that was missed, and shows it whole. */
  #loadText(opened: Promise<void>): void {
    this.#loading ??= opened
      .then(() => this.#readText())
      .catch((error: unknown) => this.#options.onError(error, this.sessionId, "load")) // not the truth: the finished reply comes all the same
      .then(() => {
        for (const pieces of this.#heard ?? []) this.#liveText().take(pieces);
        this.#heard = undefined;
        this.#loading = undefined;
        this.#loadedAtMs = performance.now();
        this.#tell(this.textSoFar());
      });
  }

  async #readText(): Promise<void> {
    const { bus, database } = this.#options;
    const found = await readPieces(bus, this.sessionId);
    if (found.length === 0) return;
    const text = this.#liveText();
    text.rebuild(found);
    // What lies in the live log may be over: nobody took it out if its dispatcher died.
    text.verify(await readReplyStates(database, text.messageIds()));
  }

  #liveText(): LiveText {
    this.#text ??= new LiveText(this.#options.replyMaxUnits);
    return this.#text;
  }
}

async function within(promise: Promise<void>, timeoutMs: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([promise.catch(() => undefined), late]);
  clearTimeout(timer);
}
