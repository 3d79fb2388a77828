import type { ServerResponse } from "node:http";
import type { Bus } from "@chat-relay/bus/bus";
import type { ChatConfig } from "@chat-relay/core/config";
import { ChatError } from "@chat-relay/core/errors";
import type { ReplyDelta } from "@chat-relay/core/reply-pieces";
import { hasReached, parseEventId, type Position } from "@chat-relay/core/session-events";
import type { Database } from "@chat-relay/database/database";
import { readSessionStates } from "@chat-relay/database/read-session-events";
import type { Logger } from "@chat-relay/service/logger";
import { FollowedSession, type FollowedSessionOptions } from "./followed-session.ts";
import { Heartbeat } from "./heartbeat.ts";
import { LiveStream, type StreamHeaders } from "./live-stream.ts";
import { SessionLook } from "./session-look.ts";
import type { SessionReader } from "./session-reader.ts";

export interface LiveHubOptions {
  config: ChatConfig;
  bus: Bus;
  database: Database;
  logger: Logger;
  onCut: () => void;
}

/** A reader who asks for a session's stream. */
export interface Reader {
  sessionId: string;
  /** For the log. */
  requestId: string;
  response: ServerResponse;
  /** The event after which to go on; undefined begins with what comes next. */
  lastEventId: string | undefined;
}

/** A reader's place among those who follow a session. */
export interface Place {
  /** The text so far of replies under way, as far as it is known here; the rest is told. */
  textSoFar(): ReplyDelta[];
  leave(): void;
}

/** Opens the response, once nothing can go wrong any more. */
export type BeginStream = (headers: StreamHeaders) => void;

const RETRY_SECONDS = 5;
/** Events that are read for a reader at a time: each may be as large as a reply, and they wait for a slow one. */
const PAGE = 16;
const REREADS_AT_ONCE = 8;

/** The live streams of this gateway: who reads which session, and what they are told. */
export class LiveHub {
  #options: LiveHubOptions;
  #followedOptions: FollowedSessionOptions;
  #sessions = new Map<string, FollowedSession>();
  #readers = new Set<SessionReader>();
  #heartbeat: Heartbeat;
  #look: SessionLook;
  #stopListening: () => void;
  #closed = false;

  constructor(options: LiveHubOptions) {
    const { bus, config, database, logger, onCut } = options;
    this.#options = options;
    this.#followedOptions = {
      bus,
      database,
      bufferMaxBytes: config.streamBufferMaxBytes,
      replyMaxUnits: config.replyMaxBytes,
      pageSize: PAGE,
      onUnread: (sessionId) => this.#look.one(sessionId),
      onCut,
      onError: (error, sessionId, during) => logger.warn({ err: error, sessionId, during }, "live.failed"),
    };
    this.#heartbeat = new Heartbeat(config.streamHeartbeatMs);
    this.#look = new SessionLook({
      intervalMs: config.queueIntervalMs,
      sessionIds: () => this.#sessions.keys(),
      read: (sessionIds) => readSessionStates(database, sessionIds),
      onSeen: (sessionId, state) => this.#sessions.get(sessionId)?.see(state),
      onError: (error) => logger.warn({ err: error }, "live.look_failed"),
    });
    this.#stopListening = bus.onConnected(() => {
      this.#look.all();
      void this.#rereadTexts();
    });
  }

  /** Streams that are open now. */
  get size(): number {
    return this.#readers.size;
  }

  /**
   * Takes a reader in. Throws `ChatError` `unavailable` when there is no place here, `rate_limited` when the session has
   * too many, `session_expired` when it is over.
   */
  async open({ sessionId, requestId, response, lastEventId }: Reader): Promise<BeginStream> {
    const session = this.#admit(sessionId);
    const stream = new LiveStream(session, response);
    this.#enter(session, stream);
    this.#leaveOnClose(session, stream, { requestId, response });
    await session.follow();
    // Read after the feed is open: what happens from here on is heard.
    const state = await this.#look.ask(sessionId);
    if (state === undefined || state.remainingMs === 0)
      throw new ChatError("session_expired", "The session has expired or was ended");
    this.#refuseClosed();
    const known = resumedFrom(sessionId, lastEventId, state.position);
    const isReset = lastEventId !== undefined && known === undefined;
    return (headers) => stream.begin(headers, known ?? state.position, { newest: state.position, isReset });
  }

  /**
   * Takes in a reader that is no stream, and says that it leaves. From when this settles it is told what happens. Throws as
   * `open` does, but does not ask whether the session is over.
   */
  async join(sessionId: string, reader: SessionReader): Promise<Place> {
    const session = this.#admit(sessionId);
    this.#enter(session, reader);
    await session.follow();
    return { textSoFar: () => session.textSoFar(), leave: () => this.#leave(session, reader) };
  }

  /** Closes all streams, so that their readers go on at another gateway, and takes no more. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const reader of this.#readers) reader.close();
  }

  // One session after another, a few at a time: what is said from now on is heard by all of them all the same.
  async #rereadTexts(): Promise<void> {
    const sessions = this.#sessions.values();
    const rereadRest = async (): Promise<void> => {
      for (const session of sessions) await session.reread();
    };
    await Promise.all(Array.from({ length: REREADS_AT_ONCE }, rereadRest));
  }

  #admit(sessionId: string): FollowedSession {
    this.#refuseTooMany(sessionId);
    return this.#sessions.get(sessionId) ?? this.#followed(sessionId);
  }

  #refuseTooMany(sessionId: string): void {
    this.#refuseClosed();
    const { streamMaxConnections, streamMaxPerSession } = this.#options.config;
    const retry = { retryAfterSeconds: RETRY_SECONDS };
    if (this.#readers.size >= streamMaxConnections)
      throw new ChatError("unavailable", `This gateway has ${streamMaxConnections} live streams open already`, retry);
    if ((this.#sessions.get(sessionId)?.size ?? 0) >= streamMaxPerSession)
      throw new ChatError("rate_limited", `The session has ${streamMaxPerSession} live streams open already`, retry);
  }

  #refuseClosed(): void {
    if (!this.#closed) return;
    const retryAfterSeconds = RETRY_SECONDS;
    throw new ChatError("unavailable", "This gateway is stopping; try another one", { retryAfterSeconds });
  }

  #followed(sessionId: string): FollowedSession {
    const session = new FollowedSession(sessionId, this.#followedOptions);
    this.#sessions.set(sessionId, session);
    return session;
  }

  #enter(session: FollowedSession, reader: SessionReader): void {
    session.add(reader);
    this.#readers.add(reader);
    this.#heartbeat.add(reader);
    this.#look.start();
  }

  // In a function of its own: what the listener sees is kept for as long as the stream is open, and thousands are.
  #leaveOnClose(
    session: FollowedSession,
    stream: LiveStream,
    { requestId, response }: Pick<Reader, "requestId" | "response">,
  ): void {
    const openedAtMs = performance.now();
    response.on("close", () => {
      this.#leave(session, stream);
      if (!stream.hasBegun) return; // refused, which the request's own line tells
      const durationMs = Math.round(performance.now() - openedAtMs);
      this.#options.logger.info({ requestId, sessionId: session.sessionId, durationMs }, "stream.closed");
    });
    if (response.destroyed) this.#leave(session, stream); // gone before we listened
  }

  #leave(session: FollowedSession, reader: SessionReader): void {
    if (!this.#readers.delete(reader)) return;
    session.delete(reader);
    this.#heartbeat.delete(reader);
    if (session.size > 0) return;
    session.close();
    this.#sessions.delete(session.sessionId);
    if (this.#sessions.size === 0) this.#look.stop();
  }
}

/** Undefined for none, for another session's, and for one that lies in the future. */
function resumedFrom(sessionId: string, lastEventId: string | undefined, newest: Position): Position | undefined {
  const position = lastEventId === undefined ? undefined : parseEventId(sessionId, lastEventId);
  return position !== undefined && hasReached(newest, position) ? position : undefined;
}
