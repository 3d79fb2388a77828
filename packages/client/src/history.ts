import { Backoff } from "./backoff.ts";
import type { Conversation } from "./conversation.ts";
import type { Answer, Gateway } from "./gateway.ts";
import { pause, type Sleepers } from "./pause.ts";
import { isGone, isTransient } from "./problem.ts";
import type { SessionAccess } from "./session-keeper.ts";
import type { Timing } from "./timing.ts";
import { isPage, isSessionPage, type ChatSession, type HistoryPage } from "./wire.ts";

/** Who is told what the history brings. */
export interface HistoryListener {
  onSession(session: ChatSession): void;
  onGone(access: SessionAccess): void;
  onChange(): void;
}

interface Parts {
  readonly gateway: Gateway;
  readonly timing: Timing;
  readonly sleepers: Sleepers;
  readonly conversation: Conversation;
  readonly listener: HistoryListener;
}

/** Loads pages of the history into the conversation, and again until the gateway gives them. */
export class History {
  #parts: Parts;
  /** How often the newest page was asked for, and up to which of these it was given. */
  #asked = 0;
  #given = 0;
  #refreshing: AbortSignal | null = null;
  #older: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get isLoadingOlder(): boolean {
    return this.#older !== null;
  }

  /** Whether the newest page was asked for and is not there yet. */
  get isOwed(): boolean {
    return this.#given < this.#asked;
  }

  /** Loads the newest page. One that is under way may have been read before what asks for this: it is loaded again. */
  async refresh(access: SessionAccess, signal: AbortSignal): Promise<void> {
    this.#asked += 1;
    if (this.#refreshing === signal) return;
    this.#refreshing = signal;
    while (this.isOwed && !signal.aborted) {
      const asked = this.#asked;
      const answer = await this.#read("/session", access, signal, isSessionPage);
      if (answer !== undefined) this.#given = asked;
      if (answer?.ok) this.#showNewest(answer.data);
    }
    if (this.#refreshing === signal) this.#refreshing = null;
  }

  /** Loads one page in front. */
  loadOlder(access: SessionAccess, signal: AbortSignal): Promise<void> {
    const cursor = this.#parts.conversation.older;
    if (this.#older !== null || cursor === null) return this.#older ?? Promise.resolve();
    const older = this.#loadOlder(cursor, access, signal).finally(() => {
      this.#older = null;
      this.#parts.listener.onChange();
    });
    this.#older = older;
    this.#parts.listener.onChange();
    return older;
  }

  async #loadOlder(cursor: string, access: SessionAccess, signal: AbortSignal): Promise<void> {
    const path = `/messages/${access.sessionId}?before=${encodeURIComponent(cursor)}`;
    const answer = await this.#read(path, access, signal, isPage);
    if (answer?.ok) this.#parts.conversation.showOlder(cursor, answer.data);
    else if (answer !== undefined) this.#parts.conversation.older = null; // refused for good: asked again, it would be again
  }

  #showNewest({ session, ...page }: HistoryPage & { session: ChatSession }): void {
    this.#parts.conversation.showNewest(page);
    this.#parts.listener.onSession(session);
  }

  /** Reads until there is an answer that time will not change; undefined when nobody wants it any more. */
  async #read<T>(
    path: string,
    access: SessionAccess,
    signal: AbortSignal,
    isExpected: (data: unknown) => data is T,
  ): Promise<Answer<T> | undefined> {
    const { gateway, timing, sleepers, listener } = this.#parts;
    const backoff = new Backoff(timing);
    const call = { method: "GET", path, token: access.sessionToken, timeoutMs: timing.requestMs, signal } as const;
    for (;;) {
      const answer = await gateway.call({ ...call, isExpected });
      if (signal.aborted) return undefined;
      if (answer.ok || !isTransient(answer.problem)) {
        if (!answer.ok && isGone(answer.problem)) listener.onGone(access);
        return answer;
      }
      const { retryAfterMs } = answer.problem;
      await pause(backoff.next(retryAfterMs), signal, retryAfterMs === null ? sleepers : undefined);
    }
  }
}
