import type { Timing } from "./timing.ts";

const JITTER = 0.25;
const LATENESS = 0.2;

/** Growing waits between tries, spread out: many clients lose the same gateway at once and must not come back at once. */
export class Backoff {
  /** The wait after a first failure. */
  firstMs: number;
  #maxMs: number;
  #failures = 0;

  constructor({ retryMs, retryMaxMs }: Timing) {
    this.firstMs = retryMs;
    this.#maxMs = retryMaxMs;
  }

  /** How long to wait now; never shorter than the gateway asked for. */
  next(retryAfterMs: number | null): number {
    const grown = Math.min(this.#maxMs / (1 + JITTER), this.firstMs * 2 ** this.#failures);
    this.#failures += 1;
    const jittered = grown * (1 - JITTER + 2 * JITTER * Math.random());
    return Math.max(jittered, (retryAfterMs ?? 0) * (1 + LATENESS * Math.random()));
  }

  reset(): void {
    this.#failures = 0;
  }
}
