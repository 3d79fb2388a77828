import { childOf } from "./abort.ts";
import { Backoff } from "./backoff.ts";
import { pause, wakeAll, type Sleepers } from "./pause.ts";
import type { ChatProblem } from "./problem.ts";
import type { Timing } from "./timing.ts";
import type { UnsentMessage, UnsentMessages } from "./unsent-messages.ts";

/** What one try brought: null when the message needs no other one. */
export type Setback = { readonly problem: ChatProblem; readonly mayTryAtOnce: boolean } | null;

interface Parts {
  readonly unsent: UnsentMessages;
  readonly timing: Timing;
  readonly sleepers: Sleepers;
  /** Tries once to have the message accepted. Must not throw. */
  readonly deliver: (message: UnsentMessage, signal: AbortSignal) => Promise<Setback>;
}

interface Attempt {
  readonly message: UnsentMessage;
  readonly controller: AbortController;
}

/** Sends what is unsent, one at a time and in order, each until it is accepted or refused. */
export class SendQueue {
  #parts: Parts;
  #working: AbortSignal | null = null;
  #attempt: Attempt | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Sees to it that what is unsent is being sent, until the signal says otherwise. */
  run(signal: AbortSignal): void {
    if (this.#working === signal) return;
    this.#working = signal;
    void this.#work(signal);
  }

  /**
   * A message like the one under way is in the conversation already: its answer should be there any moment. If it was
   * lost, a second request brings it, since the key is the same; there is no use in waiting for the deadline.
   */
  doubt(content: string): void {
    wakeAll(this.#parts.sleepers);
    const attempt = this.#attempt;
    if (attempt?.message.shown.content !== content) return;
    void pause(this.#parts.timing.doubtMs, attempt.controller.signal).then(() => attempt.controller.abort());
  }

  /** Gives up what is under way for a message that nobody wants to be sent any more. */
  dropUnwanted(): void {
    const attempt = this.#attempt;
    if (attempt !== null && this.#parts.unsent.get(attempt.message.shown.key) === undefined) attempt.controller.abort();
  }

  async #work(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(this.#parts.timing);
    let wasAtOnce = false;
    for (let message = this.#next(signal); message !== undefined; message = this.#next(signal)) {
      const { setback, isCut } = await this.#try(message, signal);
      if (setback === null) backoff.reset();
      else if (!isCut && (wasAtOnce || !setback.mayTryAtOnce)) await this.#wait(backoff, setback.problem, signal);
      wasAtOnce = setback?.mayTryAtOnce ?? false;
    }
    // In the same breath as the last look at what is unsent, or what is added in between would wait for the next one.
    if (this.#working === signal) this.#working = null;
  }

  #next(signal: AbortSignal): UnsentMessage | undefined {
    return signal.aborted ? undefined : this.#parts.unsent.next();
  }

  async #try(message: UnsentMessage, signal: AbortSignal): Promise<{ setback: Setback; isCut: boolean }> {
    const controller = childOf(signal);
    const attempt = { message, controller };
    this.#attempt = attempt;
    const setback = await this.#parts.deliver(message, controller.signal);
    const isCut = controller.signal.aborted;
    controller.abort();
    // One that was stopped may end after the next has begun.
    if (this.#attempt === attempt) this.#attempt = null;
    return { setback, isCut };
  }

  async #wait(backoff: Backoff, { retryAfterMs }: ChatProblem, signal: AbortSignal): Promise<void> {
    const isAsked = retryAfterMs !== null;
    await pause(backoff.next(retryAfterMs), signal, isAsked ? undefined : this.#parts.sleepers);
  }
}
