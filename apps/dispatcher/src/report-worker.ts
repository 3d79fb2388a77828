import type { Database } from "@chat-relay/database/database";
import { removeDispatcher, reportDispatcher } from "@chat-relay/database/read-queue";
import type { Logger } from "@chat-relay/service/logger";
import type { Worker } from "@chat-relay/service/run";
import type { Breaker } from "./breaker.ts";

export interface ReportWorkerOptions {
  database: Database;
  breaker: Breaker;
  dispatcherId: string;
  logger: Logger;
}

/** Well below the minute after which operators are told that a dispatcher is gone. */
const REPORT_EVERY_MS = 10_000;

/** Tells, for the operator API, that this dispatcher lives and what it thinks of n8n: now and then, and at each change. */
export class ReportWorker implements Worker {
  readonly name = "report";
  #options: ReportWorkerOptions;
  #wake = Promise.withResolvers<void>();

  constructor(options: ReportWorkerOptions) {
    this.#options = options;
  }

  /** Reports now. */
  poke(): void {
    this.#wake.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { database, breaker, dispatcherId, logger } = this.#options;
    signal.addEventListener("abort", () => this.poke(), { once: true });
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      await reportDispatcher(database, dispatcherId, breaker.state).catch((error: unknown) => {
        logger.warn({ err: error }, "report.failed"); // PostgreSQL is away
      });
      await this.#pause(signal);
    }
    await removeDispatcher(database, dispatcherId).catch(() => undefined); // it is forgotten anyway after a minute
  }

  async #pause(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const timer = setTimeout(() => this.poke(), REPORT_EVERY_MS);
    await this.#wake.promise;
    clearTimeout(timer);
  }
}
