import type { ChatMessage } from "@chat-relay/core/message";
import type { ReplyDelta } from "@chat-relay/core/reply-pieces";
import type { StatusChange } from "@chat-relay/core/session-events";
import type { WireEvent } from "@chat-relay/testkit/live-reader";
import { isDeepStrictEqual } from "node:util";
import { StatusChain } from "./status-chain.ts";
import { StreamedText } from "./streamed-text.ts";
import { mustHold } from "./violation.ts";

/** What must hold of a live stream, by the names that reports and controls use; looked at in this order. */
export const LIVE_INVARIANTS = {
  framed: "a live stream is framed as promised, whatever is said in it",
  own: "nothing of one session is told in another's stream",
  resumed: "a reader who comes back goes on where it was",
  open: "a stream ends only with its session, and who has lost it gets another",
  once: "each event of a stream is told once, in order",
  complete: "what is told live is the history, without a gap",
  statuses: "a status that is told may follow the one before it, and the last is that of the history",
  text: "a piece of text goes on from what was told, and a reply begins with what was shown of it",
  over: "no text is told of a reply that is finished, and none is left without its reply",
} as const;

type Invariant = keyof typeof LIVE_INVARIANTS;

interface Position {
  sequence: number;
  status: number;
}

const START: Position = { sequence: 0, status: 0 };

/** All that one reader of a session is told, over all its connections, and what is wrong with it. */
export class Transcript {
  readonly messages: ChatMessage[] = [];
  /** With which to come back. */
  lastEventId: string;
  /** The session has ended, as the stream says. */
  ended = false;
  readonly text = new StreamedText();
  #sessionId: string;
  #position = START;
  #ids = new Set<string>();
  #statuses = new Map<string, StatusChain>();
  #problems = new Map<Invariant, string[]>();
  /** The connection has yet to say where it goes on. */
  #awaitsReady = true;

  /** From the session's beginning on, as if the reader had been there. */
  constructor(sessionId: string) {
    this.#sessionId = sessionId;
    this.lastEventId = `${sessionId}.0.0`;
  }

  /** A new connection: text under way is told anew. */
  connect(): void {
    this.#awaitsReady = true;
    this.text.forget();
  }

  take(event: WireEvent): void {
    if (event.id !== undefined) this.lastEventId = event.id;
    if (this.ended) this.report("once", `${event.event} after the end`);
    if (this.#awaitsReady) return this.#takeReady(event);
    if (event.event === "message") this.#takeMessage(event);
    else if (event.event === "status") this.#takeStatus(event);
    else if (event.event === "delta") this.#takeDelta(event.data as ReplyDelta);
    else if (event.event === "end") this.ended = true;
    else this.report("resumed", `"${event.event}" was told at ${this.#at}`);
  }

  report(invariant: Invariant, problem: string): void {
    this.#problems.set(invariant, [...(this.#problems.get(invariant) ?? []), `${this.#sessionId}: ${problem}`]);
  }

  /** Something was wrong already. */
  get isFlawed(): boolean {
    return this.#problems.size > 0;
  }

  /** Whether all of the history was told. */
  hasAll(history: readonly ChatMessage[]): boolean {
    return this.messages.length >= history.length && history.every((message) => this.#shows(message));
  }

  /** Throws when something that was told is not as promised, or not as the history has it now. */
  check(history: readonly ChatMessage[]): void {
    this.#compare(history);
    for (const [invariant, name] of Object.entries(LIVE_INVARIANTS))
      mustHold(name, this.#problems.get(invariant as Invariant) ?? []);
  }

  get #at(): string {
    return `${this.#position.sequence}.${this.#position.status}`;
  }

  #takeReady({ event, id }: WireEvent): void {
    this.#awaitsReady = false;
    const wanted = `${this.#sessionId}.${this.#at}`;
    if (event !== "ready" || id !== wanted) this.report("resumed", `"${event}" ${id} came to who was at ${wanted}`);
  }

  #takeMessage({ id, data }: WireEvent): void {
    const message = data as ChatMessage;
    if (message.sessionId !== this.#sessionId) this.report("own", `message ${message.id} of ${message.sessionId}`);
    const last = this.messages.at(-1)?.sequence ?? 0;
    if (message.sequence <= last) this.report("once", `message ${message.sequence} came after ${last}`);
    else if (message.sequence > last + 1) this.report("complete", `message ${message.sequence} came after ${last}`);
    this.#advance(id, { sequence: message.sequence, status: this.#position.status });
    this.messages.push(message);
    if (message.replyTo !== null) this.text.finish(message.replyTo);
  }

  #takeStatus({ id, data }: WireEvent): void {
    const change = data as StatusChange;
    this.#advance(id, { sequence: this.#position.sequence, status: this.#position.status + 1 });
    if (!this.messages.some((message) => message.id === change.messageId))
      this.report("once", `the status of ${change.messageId} came before it`);
    const chain = this.#statuses.get(change.messageId) ?? new StatusChain();
    this.#statuses.set(change.messageId, chain);
    const problem = chain.add(change);
    if (problem !== undefined) this.report("statuses", `${change.messageId} ${problem}`);
    if (change.status === "queued" || change.status === "failed") this.text.doubt(change.messageId);
  }

  #takeDelta(delta: ReplyDelta): void {
    const problem = this.text.take(delta);
    if (problem !== undefined) this.report(problem.kind, `${delta.replyTo} ${problem.what}`);
  }

  /** Where the event's id says that the reader is now: further on in what the event is about, and nowhere back. */
  #advance(id: string | undefined, least: Position): void {
    const [, session, sequence, status] = /^(.+)\.(\d+)\.(\d+)$/.exec(id ?? "") ?? [];
    if (session !== this.#sessionId) this.report("own", `an event has the id ${id}`);
    if (this.#ids.has(id ?? "")) this.report("once", `the id ${id} came again`);
    this.#ids.add(id ?? "");
    const next = { sequence: Number(sequence), status: Number(status) };
    const isAhead = next.sequence === least.sequence && next.status >= least.status;
    if (!isAhead) this.report("once", `the id ${id} came to who was at ${this.#at}`);
    this.#position = next;
  }

  #statusOf(message: ChatMessage): ChatMessage["status"] {
    return this.#statuses.get(message.id)?.last ?? message.status;
  }

  #shows(stored: ChatMessage): boolean {
    const told = this.messages[stored.sequence - 1];
    return told !== undefined && this.#statusOf(told) === stored.status;
  }

  #compare(history: readonly ChatMessage[]): void {
    for (const [index, stored] of history.entries()) {
      const told = this.messages[index];
      if (told === undefined) this.report("complete", `message ${stored.sequence} was not told`);
      else if (!isDeepStrictEqual({ ...told, status: "" }, { ...stored, status: "" }))
        this.report("complete", `message ${stored.sequence} was told as another`);
      else if (this.#statusOf(told) !== stored.status)
        this.report("statuses", `${told.id} was told to be ${this.#statusOf(told)} and is ${stored.status}`);
    }
    if (this.messages.length > history.length) this.report("complete", "more was told than there is");
    const known = new Set(history.map(({ id }) => id));
    for (const id of this.#statuses.keys()) if (!known.has(id)) this.report("own", `a status of ${id} was told`);
    for (const id of this.text.toldOf) if (!known.has(id)) this.report("own", `text for ${id} was told`);
    for (const { kind, what } of this.text.compare(history)) this.report(kind, what);
  }
}
