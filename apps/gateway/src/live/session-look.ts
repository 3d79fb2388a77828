import type { SessionState } from "@chat-relay/database/read-session-events";

export interface SessionLookOptions {
  /** How often all sessions are looked at, for what was not heard. */
  intervalMs: number;
  sessionIds: () => Iterable<string>;
  read: (sessionIds: string[]) => Promise<SessionState[]>;
  /** `state` is undefined when there is no such session any more. */
  onSeen: (sessionId: string, state: SessionState | undefined) => void;
  onError: (error: unknown) => void;
}

type Asker = PromiseWithResolvers<SessionState | undefined>;

const BATCH = 1_000;
/** A session ends at its time, and is then looked at: by PostgreSQL's clock, which may be a little behind. */
const GRACE_MS = 50;

/**
 * Looks where sessions stand in PostgreSQL: the safety net under what is announced. One query at a time; what is asked for
 * meanwhile goes into the next.
 */
export class SessionLook {
  #options: SessionLookOptions;
  #wanted = new Set<string>();
  /** Who waits for what the next query says of a session. */
  #askers = new Map<string, Asker>();
  #looking = false;
  #interval: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #expiresAtMs = Number.POSITIVE_INFINITY;

  constructor(options: SessionLookOptions) {
    this.#options = options;
  }

  /** Looks at all sessions now and then. */
  start(): void {
    this.#interval ??= setInterval(() => this.all(), this.#options.intervalMs);
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
    clearTimeout(this.#expiry);
    this.#expiresAtMs = Number.POSITIVE_INFINITY;
  }

  /** Looks at all sessions soon. */
  all(): void {
    for (const sessionId of this.#options.sessionIds()) this.#wanted.add(sessionId);
    void this.#run();
  }

  /** Looks at one session soon. */
  one(sessionId: string): void {
    this.#wanted.add(sessionId);
    void this.#run();
  }

  /**
   * Where a session stands now; undefined when there is no such session any more. Those who ask while a query is under way
   * share the next one. Fails as the query does.
   */
  ask(sessionId: string): Promise<SessionState | undefined> {
    const asker = this.#askers.get(sessionId) ?? Promise.withResolvers();
    this.#askers.set(sessionId, asker);
    this.one(sessionId);
    return asker.promise;
  }

  /** A session is over in `remainingMs`, unless a message renews it: looks then, should that be before the next look. */
  expectEnd(remainingMs: number): void {
    const { intervalMs } = this.#options;
    const atMs = performance.now() + remainingMs + GRACE_MS;
    if (remainingMs > intervalMs || atMs >= this.#expiresAtMs) return;
    clearTimeout(this.#expiry);
    this.#expiresAtMs = atMs;
    this.#expiry = setTimeout(() => {
      this.#expiresAtMs = Number.POSITIVE_INFINITY;
      this.all();
    }, remainingMs + GRACE_MS);
  }

  async #run(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    while (this.#wanted.size > 0) await this.#lookAtSome();
    this.#looking = false;
  }

  async #lookAtSome(): Promise<void> {
    const sessionIds = [...this.#wanted].slice(0, BATCH);
    const asked = new Map(sessionIds.map((sessionId) => [sessionId, this.#askers.get(sessionId)]));
    for (const sessionId of sessionIds) {
      this.#wanted.delete(sessionId);
      this.#askers.delete(sessionId);
    }
    try {
      const states = new Map((await this.#options.read(sessionIds)).map((state) => [state.sessionId, state]));
      for (const sessionId of sessionIds) {
        const state = states.get(sessionId);
        this.#see(sessionId, state);
        asked.get(sessionId)?.resolve(state);
      }
    } catch (error) {
      for (const asker of asked.values()) asker?.reject(error);
      this.#options.onError(error); // the next look is soon enough for those that nobody asked for
    }
  }

  #see(sessionId: string, state: SessionState | undefined): void {
    if (state !== undefined && state.remainingMs > 0) this.expectEnd(state.remainingMs);
    this.#options.onSeen(sessionId, state);
  }
}
