import { childOf } from "./abort.ts";
import type { Conversation } from "./conversation.ts";
import type { Gateway } from "./gateway.ts";
import { History } from "./history.ts";
import { LiveStream } from "./live-stream.ts";
import { isKnownOffline } from "./page-events.ts";
import { pause, type Sleepers } from "./pause.ts";
import type { ChatProblem } from "./problem.ts";
import type { SessionAccess, SessionKeeper } from "./session-keeper.ts";
import type { Connection } from "./snapshot.ts";
import type { Timing } from "./timing.ts";
import { isMessage, isReplyDelta, isStatusChange, type ChatSession } from "./wire.ts";

interface Parts {
  readonly gateway: Gateway;
  readonly timing: Timing;
  readonly sleepers: Sleepers;
  readonly conversation: Conversation;
  readonly sessions: SessionKeeper;
  readonly onChange: () => void;
  /** The session is gone; what is unsent goes to another one. */
  readonly onGone: () => void;
}

/** A session that is followed. Its stream goes on where it was when the client is stopped and started again. */
interface Followed {
  readonly access: SessionAccess;
  readonly live: LiveStream;
}

/** Follows one session at a time: brings its stream and its history into the conversation. */
export class SessionFollower {
  connection: Connection = "idle";
  problem: ChatProblem | null = null;
  session: ChatSession | null = null;
  readonly history: History;
  #parts: Parts;
  #followed: Followed | null = null;
  #run: AbortSignal | null = null;
  /** Ends what is under way for the session. */
  #work: AbortController | null = null;
  #isResting = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { onChange } = parts;
    const onSession = (session: ChatSession): void => {
      this.session = session;
      onChange();
    };
    const onGone = (access: SessionAccess): void => this.lose(access);
    this.history = new History({ ...parts, listener: { onSession, onGone, onChange } });
  }

  get access(): SessionAccess | null {
    return this.#followed?.access ?? null;
  }

  /** Whether this is the session that is followed. */
  isAt({ sessionToken }: SessionAccess): boolean {
    return this.access?.sessionToken === sessionToken;
  }

  /** Ended when the session is no longer followed. */
  get signal(): AbortSignal | null {
    return this.#work?.signal ?? null;
  }

  /** Lets sessions be followed until the signal says otherwise; starts with the one that is known, if there is one. */
  start(run: AbortSignal): void {
    this.#run = run;
    this.#isResting = false;
    this.heed();
  }

  /** Takes up the session that is kept; lets go of one that another tab has ended, forgotten or replaced. */
  heed(): void {
    const { sessions, onGone } = this.#parts;
    const { stored } = sessions;
    if (this.access !== null && (stored === null || !this.isAt(stored))) this.lose(this.access);
    else if (stored !== null && this.#work === null) this.follow(stored, null);
    else if (this.session !== null && sessions.isForgotten) {
      this.clear(); // what was left to read of one that had ended
      onGone();
    }
  }

  /** Follows this session from now on. */
  follow(access: SessionAccess, session: ChatSession | null): void {
    if (this.#run === null) return;
    this.#work?.abort();
    if (!this.isAt(access)) this.#begin(access, session);
    const work = childOf(this.#run);
    this.#work = work;
    this.report("connecting", null);
    void this.#goLive(access, work.signal);
    // Asked for before a stop: the stream goes on where it was, and will not ask again.
    if (this.history.isOwed) this.#refresh();
    void pause(this.#parts.timing.patienceMs, work.signal).then(() => {
      // Where no stream gets through, there is the history at least.
      if (!work.signal.aborted && this.connection !== "live") this.#refresh();
    });
  }

  /** This session is gone: its token is of no use any more. */
  lose(access: SessionAccess): void {
    if (!this.isAt(access)) return;
    this.#parts.sessions.end(access);
    this.#work?.abort();
    this.#work = null;
    this.#followed = null;
    if (this.session !== null) this.session = { ...this.session, status: statusOfLost(this.session) };
    const { sessions, onGone } = this.#parts;
    if (sessions.isForgotten) this.clear();
    else this.report(this.session === null ? "idle" : "ended", null);
    if (sessions.stored !== null) this.follow(sessions.stored, null);
    onGone();
  }

  /** Stops following; the same session can be taken up again where it was. */
  stop(): void {
    this.#run = null;
    this.#work = null;
    this.report(this.connection === "ended" ? "ended" : "idle", null);
  }

  /** Forgets the session. */
  clear(): void {
    this.#followed = null;
    this.#parts.conversation.clear();
    this.session = null;
    this.report("idle", null);
  }

  report(connection: Connection, problem: ChatProblem | null): void {
    this.connection = connection;
    this.problem = problem;
    this.#parts.onChange();
  }

  /** The page is back, or the network. */
  back(): void {
    this.#isResting = false;
    this.#followed?.live.distrust();
  }

  /** Nobody looks: leaves the stream until `back`. A browser has few connections to a host, for all of its tabs. */
  rest(): void {
    this.#isResting = true;
    this.#followed?.live.drop();
  }

  /** The network is gone: a stream that seems to stand is of no use. */
  offline(): void {
    this.#followed?.live.drop();
  }

  #begin(access: SessionAccess, session: ChatSession | null): void {
    const listener = {
      isWanted: () => !this.#isResting,
      onReady: (isAnew: boolean) => this.#becomeLive(isAnew),
      onEvent: (type: string, data: unknown) => this.#take(type, data),
      onLost: (problem: ChatProblem | null) => this.#loseStream(problem),
    };
    this.#parts.conversation.clear();
    this.session = session;
    this.#followed = { access, live: new LiveStream({ ...this.#parts, listener }, access) };
  }

  async #goLive(access: SessionAccess, signal: AbortSignal): Promise<void> {
    const end = await this.#followed?.live.follow(signal);
    if (end !== "stopped") this.lose(access);
  }

  #becomeLive(isAnew: boolean): void {
    this.report("live", null);
    if (isAnew) this.#startOver();
  }

  /** The stream tells what comes from now on; what came before is in the history, read after this. */
  #startOver(): void {
    this.#parts.conversation.loseTrack();
    this.#refresh();
  }

  #refresh(): void {
    if (this.access !== null && this.signal !== null) void this.history.refresh(this.access, this.signal);
  }

  #take(type: string, data: unknown): void {
    const { conversation, onChange } = this.#parts;
    if (type === "message" && isMessage(data)) {
      if (!conversation.takeStreamed(data)) this.#refresh();
    } else if (type === "status" && isStatusChange(data)) conversation.tell(data);
    else if (type === "delta" && isReplyDelta(data)) conversation.streaming.take(data);
    else if (type === "reset") this.#startOver();
    else return;
    onChange();
  }

  #loseStream(problem: ChatProblem | null): void {
    const isOffline = problem !== null || isKnownOffline();
    this.report(isOffline ? "offline" : "connecting", problem);
  }
}

function statusOfLost({ expiresAt }: ChatSession): "expired" | "ended" {
  return Date.parse(expiresAt) <= Date.now() ? "expired" : "ended";
}
