import { childOf } from "./abort.ts";
import { Backoff } from "./backoff.ts";
import { EventStreamParser } from "./event-stream.ts";
import type { Gateway } from "./gateway.ts";
import { pause, type Sleepers } from "./pause.ts";
import { isGone, localProblem, readProblem, type ChatProblem } from "./problem.ts";
import type { SessionAccess } from "./session-keeper.ts";
import type { Timing } from "./timing.ts";

/** What happens on the stream. */
export interface LiveListener {
  /** Whether a connection is wanted now; asked again before each, and when waits are ended. */
  isWanted(): boolean;
  /** The stream stands; anew, or resumed where it was lost. */
  onReady(isAnew: boolean): void;
  onEvent(type: string, data: unknown): void;
  /** It was lost and will be tried again; with a problem when it never stood. */
  onLost(problem: ChatProblem | null): void;
}

/** How a stream came to its end: told by the gateway, refused since the session is gone, or stopped from here. */
export type StreamEnd = "ended" | "gone" | "stopped";

/** The live stream of one session: one connection at a time, resumed where the one before it was lost. */
export class LiveStream {
  #gateway: Gateway;
  #session: SessionAccess;
  #timing: Timing;
  #sleepers: Sleepers;
  #listener: LiveListener;
  #backoff: Backoff;
  #following: Promise<StreamEnd> = Promise.resolve("stopped");
  #lastEventId = "";
  #connection: AbortController | null = null;
  // By the clock, which goes on while the device sleeps.
  #lastByteAt = 0;
  #readyAt: number | null = null;
  #isEnded = false;
  #isHurried = false;

  constructor(
    parts: { gateway: Gateway; timing: Timing; sleepers: Sleepers; listener: LiveListener },
    session: SessionAccess,
  ) {
    this.#gateway = parts.gateway;
    this.#timing = parts.timing;
    this.#sleepers = parts.sleepers;
    this.#listener = parts.listener;
    this.#session = session;
    this.#backoff = new Backoff(parts.timing);
  }

  /** Follows the session until it ends or the signal says so. Never throws. */
  follow(signal: AbortSignal): Promise<StreamEnd> {
    // One that was stopped may still be closing.
    this.#following = this.#following.then(() => this.#follow(signal));
    return this.#following;
  }

  async #follow(signal: AbortSignal): Promise<StreamEnd> {
    while (await this.#untilWanted(signal)) {
      const outcome = await this.#connect(signal);
      if (signal.aborted) break;
      if (outcome === "ended" || outcome === "gone") return outcome;
      this.#listener.onLost(outcome);
      const retryAfterMs = outcome?.retryAfterMs ?? null;
      const waitMs = this.#backoff.next(retryAfterMs);
      // What the gateway asked for is waited for, whatever happens to the page.
      if (!this.#isHurried) await pause(waitMs, signal, retryAfterMs === null ? this.#sleepers : undefined);
    }
    return "stopped";
  }

  async #untilWanted(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted && !this.#listener.isWanted()) {
      await pause(this.#timing.silenceMs, signal, this.#sleepers);
    }
    return !signal.aborted;
  }

  /** Gives up the connection there is, if there is one. */
  drop(): void {
    this.#connection?.abort();
  }

  /** The page is back: a connection that was silent for long may be dead, and is made anew at once. */
  distrust(): void {
    if (this.#connection === null || Date.now() - this.#lastByteAt < this.#timing.staleMs) return;
    this.#isHurried = true;
    this.#connection.abort();
  }

  async #connect(signal: AbortSignal): Promise<ChatProblem | "ended" | "gone" | null> {
    const connection = childOf(signal);
    const watchdog = this.#watch(connection);
    this.#connection = connection;
    this.#isHurried = false;
    this.#readyAt = null;
    try {
      const { sessionId, sessionToken } = this.#session;
      const response = await this.#gateway.stream(sessionId, sessionToken, this.#lastEventId, connection.signal);
      if (!response.ok) return await refusal(response);
      await this.#read(response, watchdog, connection.signal);
      return this.#isEnded ? "ended" : this.#lost(new Error("The stream was closed"));
    } catch (error) {
      return this.#lost(error);
    } finally {
      watchdog.stop();
      this.#connection = null;
      connection.abort();
    }
  }

  /** A stream that stood and was lost is no problem yet: gateways are restarted. */
  #lost(error: unknown): ChatProblem | null {
    if (this.#readyAt === null) return localProblem("network", error);
    if (performance.now() - this.#readyAt >= this.#timing.healthyMs) this.#backoff.reset();
    return null;
  }

  async #read({ body }: Response, watchdog: { feed(): void }, signal: AbortSignal): Promise<void> {
    if (body === null) throw new Error("The answer has no content");
    const isAnew = this.#lastEventId === "";
    const parser = new EventStreamParser(this.#lastEventId, (type, data) => {
      if (type === "ready") this.#becomeReady(isAnew);
      else if (type === "end") this.#isEnded = true;
      else this.#tell(type, data);
    });
    const reader = body.getReader();
    while (!this.#isEnded) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      watchdog.feed();
      parser.push(value);
      this.#lastEventId = usable(parser.lastEventId);
      if (parser.retryMs !== null) this.#backoff.firstMs = Math.max(parser.retryMs, this.#timing.retryMs / 10);
    }
  }

  #becomeReady(isAnew: boolean): void {
    this.#readyAt = performance.now();
    this.#listener.onReady(isAnew);
  }

  #tell(type: string, text: string): void {
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch {
      return; // nothing that we know how to read
    }
    this.#listener.onEvent(type, data);
  }

  /** Aborts a connection that says nothing: the other side may be gone without a word. */
  #watch(connection: AbortController): { feed(): void; stop(): void } {
    let timer = setTimeout(() => connection.abort(), this.#timing.requestMs);
    this.#lastByteAt = Date.now();
    return {
      feed: () => {
        clearTimeout(timer);
        this.#lastByteAt = Date.now();
        timer = setTimeout(() => connection.abort(), this.#timing.silenceMs);
      },
      stop: () => clearTimeout(timer),
    };
  }
}

/** An id that fits into a header. */
function usable(id: string): string {
  return /^[!-~]+$/.test(id) ? id : "";
}

async function refusal(response: Response): Promise<ChatProblem | "gone"> {
  const problem = await readProblem(response);
  return isGone(problem) ? "gone" : problem;
}
