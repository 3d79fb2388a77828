import { within } from "./abort.ts";
import type { Answer, Gateway } from "./gateway.ts";
import type { KeptItems } from "./kept-items.ts";
import { localProblem } from "./problem.ts";
import type { Timing } from "./timing.ts";
import { isStartedSession, type ChatSession } from "./wire.ts";

/** What it takes to speak in a session. */
export interface SessionAccess {
  readonly sessionId: string;
  readonly sessionToken: string;
}

export interface OpenedSession {
  readonly access: SessionAccess;
  /** null when another tab opened it. */
  readonly session: ChatSession | null;
}

/** Who opens a session, and with what. */
export interface Visitor {
  readonly userId?: string | undefined;
  readonly getUserToken?: (() => Promise<string | null> | string | null) | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
}

const KEY = "session";
/** What is kept of a session that is over. */
const OVER = "null";

/** Opens sessions, and keeps the token of the present one, for reloads and other tabs. */
export class SessionKeeper {
  #kept: KeptItems;
  #gateway: Gateway;
  #visitor: Visitor;
  #timing: Timing;

  constructor(parts: { kept: KeptItems; gateway: Gateway; visitor: Visitor; timing: Timing }) {
    this.#kept = parts.kept;
    this.#gateway = parts.gateway;
    this.#visitor = parts.visitor;
    this.#timing = parts.timing;
  }

  /** The item's name in the storage: other tabs' changes of it are told by the browser. */
  get storedAs(): string {
    return this.#kept.nameOf(KEY);
  }

  /** The session that was kept, by this tab or another one. */
  get stored(): SessionAccess | null {
    try {
      const access: unknown = JSON.parse(this.#kept.get(KEY) ?? "null");
      return isStartedSession(access) ? access : null;
    } catch {
      return null;
    }
  }

  /** Opens a session. Each try asks the page for a fresh proof of who the visitor is. */
  async open(signal: AbortSignal): Promise<Answer<OpenedSession>> {
    const { requestMs: timeoutMs } = this.#timing;
    let userToken: string | null;
    try {
      userToken = await within(timeoutMs, signal, async () => (await this.#visitor.getUserToken?.()) ?? null);
    } catch (error) {
      return { ok: false, problem: localProblem("identity", error) };
    }
    const { userId, metadata } = this.#visitor;
    const body = { metadata, ...(userToken === null ? { userId } : { userToken }) };
    const call = { method: "POST", path: "/session", body, timeoutMs, signal } as const;
    const answer = await this.#gateway.call({ ...call, isExpected: isStartedSession });
    if (!answer.ok) return answer;
    // A logout meanwhile must not leave a session behind.
    if (signal.aborted) return { ok: false, problem: localProblem("network", signal.reason) };
    // Another tab was faster: its session is the conversation's, and this one is left to expire.
    const { stored } = this;
    if (stored !== null) return { ok: true, data: { access: stored, session: null } };
    const { sessionToken, ...session } = answer.data;
    const access = { sessionId: session.sessionId, sessionToken };
    this.#kept.set(KEY, JSON.stringify(access));
    return { ok: true, data: { access, session: { ...session, status: "active" } } };
  }

  /** Whether a logout, of this tab or another one, has taken what was kept: not even that a session is over is left. */
  get isForgotten(): boolean {
    return this.#kept.get(KEY) === null;
  }

  /** This session is over, which other tabs are to tell from a logout. */
  end({ sessionToken }: SessionAccess): void {
    if (this.stored?.sessionToken === sessionToken) this.#kept.set(KEY, OVER);
  }

  /** A logout: forgets this session, unless another tab has opened a new one meanwhile. */
  forget(access: SessionAccess | null): void {
    const { stored } = this;
    if (stored === null || stored.sessionToken === access?.sessionToken) this.#kept.remove(KEY);
  }
}
