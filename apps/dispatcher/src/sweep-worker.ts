import type { Logger } from "@chat-relay/service/logger";
import type { Worker } from "@chat-relay/service/run";
import { sweepOnce, type SweepDependencies } from "./sweep.ts";

export interface SweepWorkerOptions extends SweepDependencies {
  logger: Logger;
}

const AGAIN_MS = 500;

/** A look every `CHAT_QUEUE_INTERVAL_MS`, and at once when NATS is back or the breaker has changed. */
export class SweepWorker implements Worker {
  readonly name = "sweep";
  #options: SweepWorkerOptions;
  #wake = Promise.withResolvers<void>();
  #reconnected = false;
  #failures = 0;

  constructor(options: SweepWorkerOptions) {
    this.#options = options;
  }

  /** Looks now; after a reconnection at everything unpublished, however young. */
  poke(reason: "reconnected" | "breaker_changed"): void {
    if (reason === "reconnected") this.#reconnected = true;
    this.#wake.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
    while (!signal.aborted) {
      await this.#look();
      await this.#pause();
    }
  }

  async #look(): Promise<void> {
    const { config, logger } = this.#options;
    // What was not on the bus while it did not answer is overdue, as after a reconnection.
    const minimumAgeMs = this.#reconnected || this.#failures > 0 ? 0 : config.queueIntervalMs;
    this.#reconnected = false;
    try {
      await sweepOnce(this.#options, minimumAgeMs);
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      logger.warn({ err: error }, "sweep.failed"); // PostgreSQL or NATS is away, or a cluster elects its leader
    }
  }

  async #pause(): Promise<void> {
    // Several dispatchers should not look at the same moment.
    const { queueIntervalMs } = this.#options.config;
    // After a failure sooner, then later and later.
    const nextMs =
      this.#failures === 0 ? queueIntervalMs : Math.min(AGAIN_MS * 2 ** (this.#failures - 1), queueIntervalMs);
    const intervalMs = nextMs * (0.9 + Math.random() * 0.2);
    const timer = setTimeout(() => this.#wake.resolve(), intervalMs);
    await this.#wake.promise;
    clearTimeout(timer);
    this.#wake = Promise.withResolvers<void>();
  }
}
