const REFRESH_AFTER_MS = 1_000;

export interface OutboxGaugeOptions {
  /** Counts what is committed and not on the bus; need not count past `max`. */
  count: () => Promise<number>;
  max: number;
  nowMs?: () => number;
}

/**
 * Keeps the backlog of unpublished messages below its cap without asking PostgreSQL about each send. Between two counts
 * it adds what was let in since, and never takes off what was published: so it errs on the side of counting anew, which it
 * does before it refuses anyone.
 */
export class OutboxGauge {
  #options: OutboxGaugeOptions;
  #counted: number | undefined;
  /** Let in and perhaps not in `#counted`. */
  #since = 0;
  /** Let in and not yet committed or given up. */
  #open = 0;
  #countedAtMs = 0;
  #counting: Promise<void> | undefined;

  constructor(options: OutboxGaugeOptions) {
    this.#options = options;
  }

  /** Runs the work if there is room for one more message; undefined when there is none. The work tells if it took the room. */
  async admit<T>(work: () => Promise<T>, tookRoom: (result: T) => boolean): Promise<T | undefined> {
    if (!(await this.#enter())) return undefined;
    let taken = false;
    try {
      const result = await work();
      taken = tookRoom(result);
      return result;
    } finally {
      this.#open -= 1;
      if (!taken) this.#since -= 1;
    }
  }

  async #enter(): Promise<boolean> {
    if (this.#isFull()) await this.#refresh();
    else if (this.#isStale()) void this.#refresh().catch(() => undefined); // PostgreSQL is away: the send itself will tell
    if (this.#isFull()) return false;
    this.#since += 1;
    this.#open += 1;
    return true;
  }

  #isFull(): boolean {
    return this.#counted === undefined || this.#counted + this.#since >= this.#options.max;
  }

  #isStale(): boolean {
    return this.#now() - this.#countedAtMs >= REFRESH_AFTER_MS;
  }

  #now(): number {
    return this.#options.nowMs?.() ?? performance.now();
  }

  // One count at a time, shared by all who wait: while the outbox is full, every send asks for one.
  #refresh(): Promise<void> {
    this.#counting ??= this.#count().finally(() => {
      this.#counting = undefined;
    });
    return this.#counting;
  }

  async #count(): Promise<void> {
    const open = this.#open;
    const before = this.#since;
    this.#countedAtMs = this.#now();
    this.#counted = await this.#options.count();
    this.#since += open - before;
  }
}
