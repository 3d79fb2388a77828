import type { Conversation } from "./conversation.ts";
import type { Answer, Gateway } from "./gateway.ts";
import { isGone, isTransient, localProblem, type ChatProblem } from "./problem.ts";
import type { Setback } from "./send-queue.ts";
import type { SessionFollower } from "./session-follower.ts";
import type { SessionAccess, SessionKeeper } from "./session-keeper.ts";
import type { Timing } from "./timing.ts";
import type { UnsentMessage, UnsentMessages } from "./unsent-messages.ts";
import { isMessage, type ChatMessage } from "./wire.ts";
import { withLock } from "./with-lock.ts";

interface Parts {
  readonly gateway: Gateway;
  readonly timing: Timing;
  readonly unsent: UnsentMessages;
  readonly conversation: Conversation;
  readonly sessions: SessionKeeper;
  readonly follower: SessionFollower;
  /** Kept by the tab that sends; null when no other tab shares the storage. */
  readonly lockName: string | null;
  readonly onChange: () => void;
}

/** Tries to have a message accepted, and opens a session for it where there is none. */
export class MessageSender {
  #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One try. */
  async deliver(message: UnsentMessage, signal: AbortSignal): Promise<Setback> {
    const { lockName, timing } = this.#parts;
    const setback = await withLock(lockName, timing.requestMs, signal, () => this.#deliver(message, signal));
    this.#parts.onChange();
    return setback;
  }

  async #deliver(message: UnsentMessage, signal: AbortSignal): Promise<Setback> {
    const { key } = message.shown;
    if (signal.aborted) return setback(localProblem("network", signal.reason));
    // Another tab sent it, or discarded it. One of our own is sent all the same: the answer tells what became of it.
    if (message.isAdopted && !this.#parts.unsent.isKept(key)) return this.#settle(() => this.#parts.unsent.remove(key));
    const entered = await this.#enter(signal);
    if (!entered.ok) return setback(entered.problem);
    const answer = await this.#post(message, entered.data, signal);
    return answer.ok
      ? this.#accept(key, answer.data, entered.data)
      : this.#refuse(key, answer.problem, entered.data, signal);
  }

  async #enter(signal: AbortSignal): Promise<Answer<SessionAccess>> {
    const { follower, sessions } = this.#parts;
    if (follower.access === null && sessions.stored !== null) follower.follow(sessions.stored, null);
    return follower.access === null ? this.#open(signal) : { ok: true, data: follower.access };
  }

  async #open(signal: AbortSignal): Promise<Answer<SessionAccess>> {
    const { follower, sessions } = this.#parts;
    if (follower.connection !== "offline") follower.report("connecting", null);
    const opened = await sessions.open(signal);
    if (opened.ok) follower.follow(opened.data.access, opened.data.session);
    else if (!signal.aborted) follower.report("offline", opened.problem);
    return opened.ok ? { ok: true, data: opened.data.access } : opened;
  }

  #post({ shown }: UnsentMessage, access: SessionAccess, signal: AbortSignal): Promise<Answer<ChatMessage>> {
    const { sessionId, sessionToken: token } = access;
    const body = { sessionId, content: shown.content, metadata: shown.metadata, clientMessageId: shown.key };
    const call = {
      method: "POST",
      path: "/send",
      token,
      body,
      signal,
      timeoutMs: this.#parts.timing.requestMs,
    } as const;
    return this.#parts.gateway.call({ ...call, isExpected: isMessage });
  }

  #accept(key: string, message: ChatMessage, access: SessionAccess): Setback {
    // A logout meanwhile: the message went out, and is not ours to show any more.
    if (this.#parts.follower.isAt(access)) this.#parts.conversation.accept(key, message);
    return null;
  }

  #refuse(key: string, problem: ChatProblem, access: SessionAccess, signal: AbortSignal): Setback {
    if (signal.aborted || isTransient(problem)) return setback(problem);
    if (!isGone(problem)) return this.#settle(() => this.#parts.unsent.mark(key, problem));
    this.#parts.follower.lose(access);
    return { problem, mayTryAtOnce: true };
  }

  #settle(settle: () => void): Setback {
    settle();
    this.#parts.conversation.unsentChanged();
    return null;
  }
}

function setback(problem: ChatProblem): Setback {
  return { problem, mayTryAtOnce: false };
}
