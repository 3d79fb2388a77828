import { setTimeout as delay } from "node:timers/promises";
import type { ProcessExit } from "@chat-relay/embedded/server-process";
import type { RunningProcess } from "./child-process.ts";

/** Exit code of a process that refuses its configuration: starting it again cannot help. */
export const EXIT_BAD_CONFIG = 78;

export interface Backoff {
  firstMs: number;
  maxMs: number;
  /** A process that lived so long starts over with the first delay. */
  resetAfterMs: number;
}

const DEFAULT_BACKOFF: Backoff = { firstMs: 250, maxMs: 10_000, resetAfterMs: 30_000 };

export interface SupervisorOptions {
  name: string;
  start: () => Promise<RunningProcess>;
  say: (line: string) => void;
  onBadConfig: (name: string) => void;
  backoff?: Backoff;
}

/** Keeps one process alive until it is told to stop. */
export class Supervisor {
  readonly name: string;
  readonly #options: Required<SupervisorOptions>;
  readonly #stopping = new AbortController();
  #current: RunningProcess;
  #delayMs: number;
  readonly #watching: Promise<void>;

  private constructor(options: Required<SupervisorOptions>, first: RunningProcess) {
    this.name = options.name;
    this.#options = options;
    this.#current = first;
    this.#delayMs = options.backoff.firstMs;
    this.#watching = this.#watch();
  }

  /** Starts the process; a first start that fails is the caller's to report. */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    return new Supervisor({ backoff: DEFAULT_BACKOFF, ...options }, await options.start());
  }

  /** Ends the process and does not start it again. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#current.stop();
    await this.#watching;
  }

  /** For a user who does not want to wait. */
  kill(): void {
    this.#stopping.abort();
    this.#current.kill("SIGKILL");
  }

  async #watch(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now();
      const exit = await this.#current.exited;
      if (this.#stopping.signal.aborted) return;
      if (exit.code === EXIT_BAD_CONFIG) return this.#options.onBadConfig(this.name);
      if (performance.now() - startedAt >= this.#options.backoff.resetAfterMs)
        this.#delayMs = this.#options.backoff.firstMs;
      await this.#restart(`exited (${describeExit(exit)})`);
    }
  }

  // A start can fail as well, an embedded server's above all: then the next delay is longer.
  async #restart(reason: string): Promise<void> {
    this.#options.say(`${this.name} ${reason}, restarting in ${this.#delayMs} ms`);
    const waited = await delay(this.#delayMs, true, { signal: this.#stopping.signal }).catch(() => false);
    if (!waited) return;
    this.#delayMs = Math.min(this.#delayMs * 2, this.#options.backoff.maxMs);
    try {
      this.#current = await this.#options.start();
    } catch (error) {
      return await this.#restart(`did not start (${(error as Error).message})`);
    }
    // stop() came while it was starting and ended the one before.
    if (this.#stopping.signal.aborted) await this.#current.stop();
  }
}

export function describeExit({ code, signal }: ProcessExit): string {
  return signal === null ? `code ${code ?? "unknown"}` : `signal ${signal}`;
}
