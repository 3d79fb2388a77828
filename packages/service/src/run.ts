import type { Logger } from "./logger.ts";

/** A long-running part of a process; returns when the signal stops it and its work under way is finished. */
export interface Worker {
  name: string;
  /** Stopped only when all others have ended, and not before the drain time: the HTTP server, which says `not_ready`. */
  stopsLast?: boolean;
  run(signal: AbortSignal): Promise<void>;
}

export interface Service {
  workers: Worker[];
  /** At the very first sign of stopping: readiness goes. */
  onStop?: () => void;
  /** How long those that stop last go on at least, so that load balancers see that readiness has gone. */
  drainMs: number;
  /** Closes what wiring opened, in reverse order. */
  resources: AsyncDisposableStack;
}

/** sysexits' EX_CONFIG: a restart cannot help. */
export const EXIT_BAD_CONFIG = 78;

const SECOND_SIGNAL_AFTER_MS = 1_000;

/** SIGTERM and SIGINT stop the process; a second one, at least a second later, ends it at once. */
function stopOnSignals(stop: (reason: string) => void): () => void {
  let firstAtMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    const nowMs = performance.now();
    // npm and the terminal both pass Ctrl-C on: the same wish arrives twice within a moment.
    if (firstAtMs !== undefined && nowMs - firstAtMs >= SECOND_SIGNAL_AFTER_MS) process.exit(1);
    firstAtMs ??= nowMs;
    stop(signal);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  return () => void process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
}

async function runWorker(
  worker: Worker,
  signal: AbortSignal,
  logger: Logger,
  fail: (error: unknown) => void,
): Promise<void> {
  try {
    await worker.run(signal);
    if (!signal.aborted) throw new Error(`worker ${worker.name} ended by itself`);
  } catch (error) {
    logger.error({ err: error, worker: worker.name }, "worker.failed");
    fail(error);
  }
}

class Stopping {
  readonly first = new AbortController();
  readonly last = new AbortController();

  signalOf(worker: Worker): AbortSignal {
    return worker.stopsLast === true ? this.last.signal : this.first.signal;
  }
}

async function runWorkers(
  service: Service,
  stopping: Stopping,
  logger: Logger,
  fail: (error: unknown) => void,
): Promise<void> {
  const start = (workers: Worker[]) =>
    Promise.all(workers.map((worker) => runWorker(worker, stopping.signalOf(worker), logger, fail)));
  const last = start(service.workers.filter((worker) => worker.stopsLast === true));
  const others = start(service.workers.filter((worker) => worker.stopsLast !== true));
  const asked = new Promise((resolve) => stopping.first.signal.addEventListener("abort", resolve, { once: true }));
  const drained = asked.then(() => new Promise((resolve) => setTimeout(resolve, service.drainMs)));
  await Promise.all([others, drained]);
  stopping.last.abort();
  await last;
}

/** Runs a service until a signal or a failed worker stops it; resolves to the exit code. */
export async function runService(service: Service, logger: Logger): Promise<number> {
  const stopping = new Stopping();
  let exitCode = 0;
  const stop = (reason: string) => {
    if (stopping.first.signal.aborted) return;
    logger.info({ reason }, "service.stopping");
    service.onStop?.();
    stopping.first.abort();
  };
  const fail = (error: unknown) => {
    exitCode = exitCodeOf(error);
    stop("worker failed");
  };
  const release = stopOnSignals(stop);
  try {
    await runWorkers(service, stopping, logger, fail);
    await service.resources.disposeAsync();
  } catch (error) {
    logger.error({ err: error }, "service.close_failed");
    exitCode = 1;
  } finally {
    release();
  }
  logger.info({ exitCode }, "service.stopped");
  return exitCode;
}

/** The exit code for an error that ends a process: its own `exitCode`, if it has one. */
export function exitCodeOf(error: unknown): number {
  const own = error instanceof Error && "exitCode" in error ? error.exitCode : undefined;
  return typeof own === "number" ? own : 1;
}
