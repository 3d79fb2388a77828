import { PassThrough, type Readable } from "node:stream";
import type { DeliveryStatus } from "@chat-relay/core/message";
import { hasReached, type Position, type SessionEvent } from "@chat-relay/core/session-events";
import type { Answer } from "@chat-relay/database/read-answer";
import type { Place } from "../live/live-hub.ts";
import type { FramedChange, FramedText, SessionReader } from "../live/session-reader.ts";
import type { AnswerForm } from "./answer-form.ts";

export interface AwaitedAnswerOptions {
  form: AnswerForm;
  waitMs: number;
  /** What a reader may leave unread before it is cut off. */
  bufferMaxBytes: number;
  read: (messageId: string) => Promise<Answer>;
  onCut: () => void;
  onError: (error: unknown) => void;
}

const NOWHERE: Position = { sequence: 0, status: 0 };

const LATER = "It is kept; reload this page later to see the answer.";
const TOO_LONG = `The answer to your message takes longer than usual. ${LATER}`;
const STOPPED = `The connection to the chat was interrupted before your message was answered. ${LATER}`;
const REASONS: Partial<Record<DeliveryStatus, string>> = {
  failed: "Your message could not be answered. Please try again later.",
  unanswered: `There is no answer to your message yet. ${LATER}`,
};

function isAbout(messageId: string, event: SessionEvent): boolean {
  return event.type === "message" ? event.data.replyTo === messageId : event.data.messageId === messageId;
}

/**
 * The answer to one message, for a caller who waits for it. Whatever is heard of the message, what has come of it is read from
 * PostgreSQL: only the text on the way is taken as it is told.
 */
export class AwaitedAnswer implements SessionReader {
  /** What is written to the caller. Ends with the answer, and takes the wait with it when the caller goes away. */
  readonly body: Readable;
  #options: AwaitedAnswerOptions;
  #body = new PassThrough();
  #place: Place | undefined;
  #messageId: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What has come of the message is known up to here. */
  #position = NOWHERE;
  #reading = false;
  /** Something has happened that it has not read. */
  #behind = false;

  constructor(options: AwaitedAnswerOptions) {
    this.#options = options;
    this.body = this.#body;
    this.#body.once("close", () => this.#leave());
  }

  /** Begins to wait for the answer to this message. */
  begin(place: Place, messageId: string): void {
    if (!this.#isOpen) return place.leave(); // the gateway stops
    this.#place = place;
    this.#messageId = messageId;
    this.#timer = setTimeout(() => this.#end(this.#options.form.fail(TOO_LONG)), this.#options.waitMs);
    this.tellText({ deltas: place.textSoFar(), frames: "" });
    this.#look();
  }

  offer({ events }: FramedChange): void {
    const messageId = this.#messageId;
    if (messageId !== undefined && events.some(({ event }) => isAbout(messageId, event))) this.#look();
  }

  reach(position: Position): void {
    if (hasReached(this.#position, position)) return;
    this.#position = position;
    this.#look();
  }

  tellText({ deltas }: FramedText): void {
    this.#write(this.#options.form.show(deltas.filter(({ replyTo }) => replyTo === this.#messageId)));
  }

  heartbeat(): void {
    if (this.#messageId !== undefined && !this.#body.writableNeedDrain) this.#write(this.#options.form.keepAlive());
  }

  /** A session that is over still takes the reply. */
  end(): void {
    this.#look();
  }

  close(): void {
    this.#end(this.#options.form.fail(STOPPED));
  }

  get #isOpen(): boolean {
    return !this.#body.writableEnded && !this.#body.destroyed;
  }

  #look(): void {
    this.#behind = true;
    if (!this.#reading) void this.#read();
  }

  async #read(): Promise<void> {
    this.#reading = true;
    while (this.#behind && this.#isOpen && this.#messageId !== undefined) await this.#readOnce(this.#messageId);
    this.#reading = false;
  }

  async #readOnce(messageId: string): Promise<void> {
    this.#behind = false;
    try {
      this.#take(await this.#options.read(messageId));
    } catch (error) {
      this.#position = NOWHERE; // the next look tries again
      this.#options.onError(error);
    }
  }

  #take({ replies, status }: Answer): void {
    const { form } = this.#options;
    const reason = REASONS[status];
    if (replies.length > 0) this.#end(form.finish(replies));
    else if (reason !== undefined) this.#end(form.fail(reason));
  }

  #write(text: string): void {
    if (text === "" || !this.#isOpen) return;
    // Looked at before the write: one large piece is not the reader's fault.
    if (this.#body.writableLength + this.#body.readableLength <= this.#options.bufferMaxBytes)
      return void this.#body.write(text);
    this.#options.onCut();
    this.#body.destroy();
  }

  #end(last: string): void {
    if (!this.#isOpen) return;
    this.#body.end(last);
    this.#leave();
  }

  #leave(): void {
    clearTimeout(this.#timer);
    this.#place?.leave();
  }
}
