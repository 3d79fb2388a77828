import { changeSubject, liveSubject } from "@chat-relay/core/events";
import { replyPieces, type ReplyPieces } from "@chat-relay/core/reply-pieces";
import { sessionChange, unreadChange, type SessionChange } from "@chat-relay/core/session-events";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import type { Bus } from "./bus.ts";

/** Hears of a session, from when the feed is open. */
export interface FeedListener {
  onChange(change: SessionChange): void;
  onPieces(pieces: ReplyPieces): void;
}

/** One subscription, which outlives lost connections. Thousands are open: each is no more than it has to be. */
export class Feed {
  #subscription: Subscription;

  constructor(subscription: Subscription) {
    this.#subscription = subscription;
  }

  /** Nothing more is heard: closed here, or the connection was given up. */
  get isClosed(): boolean {
    return this.#subscription.isClosed();
  }

  close(): void {
    this.#subscription.unsubscribe();
  }
}

export interface OpeningFeed {
  feed: Feed;
  /** Settles when the server knows of it: what is published from then on is heard. */
  opened: Promise<void>;
}

const HEADROOM_BYTES = 1_024;

function parse<T>(schema: { safeParse(input: unknown): { data?: T } }, message: Msg): T | undefined {
  try {
    return schema.safeParse(message.json()).data;
  } catch {
    return undefined;
  }
}

function hear(message: Msg, listener: FeedListener): void {
  if (message.subject.endsWith(".change")) {
    const change = parse(sessionChange, message);
    if (change !== undefined) listener.onChange(change);
    return;
  }
  const pieces = parse(replyPieces, message);
  if (pieces !== undefined) listener.onPieces(pieces);
}

/** Sends it to those who follow the session; one that is too large goes without its events. */
export function announceChange(connection: NatsConnection, change: SessionChange, maxBytes: number): void {
  const whole = Buffer.from(JSON.stringify(change), "utf8");
  const fits = whole.length <= maxBytes - HEADROOM_BYTES;
  const payload = fits ? whole : JSON.stringify(unreadChange(change.sessionId));
  connection.publish(changeSubject(change.sessionId), payload);
}

/** Follows one session. */
export function followSession(bus: Bus, sessionId: string, listener: FeedListener): OpeningFeed {
  const { connection } = bus.client();
  const subscription = connection.subscribe(liveSubject(sessionId), {
    callback: (error, message) => {
      if (error === null) hear(message, listener);
    },
  });
  return { feed: new Feed(subscription), opened: connection.flush() };
}
