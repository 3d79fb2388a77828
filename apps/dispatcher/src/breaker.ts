import type { BreakerState } from "@chat-relay/database/read-queue";

export interface BreakerOptions {
  concurrency: number;
  probeMs: number;
  probeMaxMs: number;
  rampMs: number;
  /** Tries one connection to n8n; throws when there is none, and says why. */
  probe: () => Promise<void>;
  onChange: (state: BreakerState) => void;
  /** It has opened, and this is why n8n could not be reached. */
  onUnreachable: (problem: string) => void;
  /** More calls may be under way than before. */
  onRoom: () => void;
}

/** What a call says of n8n. */
export type Reach = { reached: true } | { reached: false; problem: string };

/** A call's place; knows how many outages there had been when it was taken. */
export interface Place {
  outages: number;
}

/**
 * Holds calls back while n8n cannot be reached, so that no attempt is spent on an outage. While it is open one
 * connection at a time is tried, at growing intervals; then one call; then one more with every answer, and twice as many
 * every `rampMs` however slow the answers are: a backlog does not fall upon an n8n that has just started, and a call that
 * hangs does not hold up the others.
 */
export class Breaker {
  #options: BreakerOptions;
  #state: BreakerState = "closed";
  #ramp: number;
  #underWay = 0;
  #outages = 0;
  #stopped = false;
  #probeMs: number;
  #timer: NodeJS.Timeout | undefined;
  #rampTimer: NodeJS.Timeout | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#ramp = options.concurrency;
    this.#probeMs = options.probeMs;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Calls that may be under way at once, now. */
  limit(): number {
    if (this.#state === "open") return 0;
    return this.#state === "half_open" ? 1 : Math.min(this.#ramp, this.#options.concurrency);
  }

  /** Takes a place for one call, if there is one; `leave` gives it back. */
  enter(): Place | undefined {
    if (this.#underWay >= this.limit()) return undefined;
    this.#underWay += 1;
    return { outages: this.#outages };
  }

  /** Gives the place back, and says whether n8n was reached; undefined when the call was not made. */
  leave(place: Place, reach: Reach | undefined): void {
    this.#underWay -= 1;
    if (reach === undefined) return;
    if (place.outages !== this.#outages) return; // of a call from before the last outage: it says nothing of now
    if (reach.reached) this.#reached();
    else this.#unreachable(reach.problem);
  }

  /** Stops probing. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#rampTimer);
  }

  #reached(): void {
    if (this.#state === "closed" && this.#ramp === this.#options.concurrency) return;
    this.#widen(this.#ramp + 1);
    this.#change("closed");
  }

  #unreachable(problem: string): void {
    if (this.#state === "open") return;
    if (this.#state === "half_open") this.#growInterval();
    this.#ramp = 1;
    this.#outages += 1;
    this.#open(problem);
    this.#schedule();
  }

  #open(problem: string): void {
    if (this.#state === "open") return;
    this.#change("open");
    this.#options.onUnreachable(problem);
  }

  #widen(ramp: number): void {
    this.#ramp = Math.min(ramp, this.#options.concurrency);
    this.#options.onRoom();
  }

  #rampUp(): void {
    clearTimeout(this.#rampTimer);
    if (this.#stopped || this.#state !== "closed" || this.#ramp === this.#options.concurrency) return;
    this.#rampTimer = setTimeout(() => {
      this.#widen(this.#ramp * 2);
      this.#rampUp();
    }, this.#options.rampMs);
  }

  #growInterval(): void {
    this.#probeMs = Math.min(this.#probeMs * 2, this.#options.probeMaxMs);
  }

  #schedule(delayMs = this.#probeMs): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#tryOnce(), delayMs);
  }

  async #tryOnce(): Promise<void> {
    const problem = await this.#options.probe().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (this.#stopped || this.#state === "closed") return;
    if (problem !== undefined) {
      this.#growInterval();
      this.#open(problem);
      return this.#schedule();
    }
    // The second connection in a row closes it, should there be no message to try, or its call take its time.
    this.#change(this.#state === "open" ? "half_open" : "closed");
    if (this.#state === "half_open") this.#schedule(this.#options.rampMs);
  }

  #change(state: BreakerState): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "closed") {
      clearTimeout(this.#timer);
      this.#probeMs = this.#options.probeMs;
    }
    this.#rampUp();
    this.#options.onChange(state);
  }
}
