import type { Bus } from "@chat-relay/bus/bus";
import type { PublishAck } from "@chat-relay/bus/stream-publisher";
import { messageSentEvent, replyEvent, type ChatEvent } from "@chat-relay/core/events";
import type { ChatMessage } from "@chat-relay/core/message";
import type { SessionChange } from "@chat-relay/core/session-events";
import type { Announcement } from "@chat-relay/database/advance-head";
import type { Database } from "@chat-relay/database/database";
import { markRepliesPublished, markTokensPublished, type PublishedToken } from "@chat-relay/database/outbox";

export interface PublisherOptions {
  bus: Bus;
  database: Database;
  maxInFlight: number;
  /** A publish or its mark failed; the sweep will repeat it. */
  onError: (error: unknown, during: "publish" | "mark") => void;
}

// Marks wait for company: most tokens are claimed before, which marks them too.
const MARK_AFTER_MS = 200;
const MARK_BATCH = 500;

/**
 * The fast path of the outbox: whoever has committed publishes at once and goes on. What fails here, or dies with the
 * process, stays in the outbox for the sweep.
 */
export class OutboxPublisher {
  #options: PublisherOptions;
  #inFlight = new Set<Promise<void>>();
  #tokens: PublishedToken[] = [];
  #replies: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Publishes work tokens without waiting for them. */
  publishTokens(announcements: Announcement[], traceparent?: string): void {
    for (const { message, epoch } of announcements) {
      const event = { ...messageSentEvent(message, epoch), traceparent };
      this.#start(event, (ack) => {
        this.#tokens.push({ messageId: message.id, epoch, streamSequence: ack.streamSequence });
      });
    }
  }

  /** Publishes replies without waiting for them. */
  publishReplies(messages: ChatMessage[], traceparent?: string): void {
    for (const message of messages) {
      this.#start({ ...replyEvent(message), traceparent }, () => {
        this.#replies.push(message.id);
      });
    }
  }

  /** Announces changes of sessions to those who follow them. Nothing is kept of that: they find what they missed. */
  publishChanges(changes: (SessionChange | undefined)[]): void {
    for (const change of changes) if (change !== undefined) this.#options.bus.announce(change);
  }

  /** Waits for what is under way and writes its marks. */
  async flush(): Promise<void> {
    await Promise.all(this.#inFlight); // not what others begin meanwhile: under load that would never end
    await this.#mark();
  }

  #start(event: ChatEvent, confirmed: (ack: PublishAck) => void): void {
    const { bus, maxInFlight, onError } = this.#options;
    if (!bus.connected || this.#inFlight.size >= maxInFlight) return;
    const work = bus
      .publish(event)
      .then(confirmed)
      .then(() => this.#scheduleMark())
      .catch((error: unknown) => onError(error, "publish"))
      .finally(() => this.#inFlight.delete(work));
    this.#inFlight.add(work);
  }

  #scheduleMark(): void {
    if (this.#tokens.length + this.#replies.length >= MARK_BATCH) void this.#mark();
    else this.#timer ??= setTimeout(() => void this.#mark(), MARK_AFTER_MS);
  }

  async #mark(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const tokens = this.#tokens.splice(0);
    const replies = this.#replies.splice(0);
    const { database, onError } = this.#options;
    try {
      if (tokens.length > 0) await markTokensPublished(database, tokens);
      if (replies.length > 0) await markRepliesPublished(database, replies);
    } catch (error) {
      onError(error, "mark");
    }
  }
}
