import type { ServerResponse } from "node:http";
import type { Bus } from "@chat-relay/bus/bus";
import type { ChatConfig } from "@chat-relay/core/config";
import { ChatError } from "@chat-relay/core/errors";
import { hasReached, parseEventId, type Position } from "@chat-relay/core/session-events";
import type { Database } from "@chat-relay/database/database";
import { readSessionStates } from "@chat-relay/database/read-session-events";
import type { Logger } from "@chat-relay/service/logger";
import { FollowedSession } from "./followed-session.ts";
import { Heartbeat } from "./heartbeat.ts";
import { LiveStream, type StreamHeaders } from "./live-stream.ts";
import { SessionLook } from "./session-look.ts";

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
  response: ServerResponse;
  /** The event after which to go on; undefined begins with what comes next. */
  lastEventId: string | undefined;
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
  #sessions = new Map<string, FollowedSession>();
  #streams = new Set<LiveStream>();
  #heartbeat: Heartbeat;
  #look: SessionLook;
  #stopListening: () => void;
  #closed = false;

  constructor(options: LiveHubOptions) {
    const { bus, config, database, logger } = options;
    this.#options = options;
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
    return this.#streams.size;
  }

  /**
   * Takes a reader in. Throws `ChatError` `unavailable` when there is no place here, `rate_limited` when the session has
   * too many, `session_expired` when it is over.
   */
  async open({ sessionId, response, lastEventId }: Reader): Promise<BeginStream> {
    this.#refuseTooMany(sessionId);
    const session = this.#sessions.get(sessionId) ?? this.#followed(sessionId);
    const stream = new LiveStream(session, response);
    this.#enter(session, stream);
    response.once("close", () => this.#leave(session, stream));
    if (response.destroyed) this.#leave(session, stream); // gone before we listened
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

  /** Closes all streams, so that their readers go on at another gateway, and takes no more. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const stream of this.#streams) stream.close();
  }

  // One session after another, a few at a time: what is said from now on is heard by all of them all the same.
  async #rereadTexts(): Promise<void> {
    const sessions = this.#sessions.values();
    const rereadRest = async (): Promise<void> => {
      for (const session of sessions) await session.reread();
    };
    await Promise.all(Array.from({ length: REREADS_AT_ONCE }, rereadRest));
  }

  #refuseTooMany(sessionId: string): void {
    this.#refuseClosed();
    const { streamMaxConnections, streamMaxPerSession } = this.#options.config;
    const retry = { retryAfterSeconds: RETRY_SECONDS };
    if (this.#streams.size >= streamMaxConnections)
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
    const { bus, config, database, logger, onCut } = this.#options;
    const session = new FollowedSession({
      sessionId,
      bus,
      database,
      bufferMaxBytes: config.streamBufferMaxBytes,
      replyMaxUnits: config.replyMaxBytes,
      pageSize: PAGE,
      onUnread: (id) => this.#look.one(id),
      onCut,
      onError: (error, during) => logger.warn({ err: error, sessionId, during }, "live.failed"),
    });
    this.#sessions.set(sessionId, session);
    return session;
  }

  #enter(session: FollowedSession, stream: LiveStream): void {
    session.add(stream);
    this.#streams.add(stream);
    this.#heartbeat.add(stream);
    this.#look.start();
  }

  #leave(session: FollowedSession, stream: LiveStream): void {
    if (!this.#streams.delete(stream)) return;
    session.delete(stream);
    this.#heartbeat.delete(stream);
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
