const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const FORCE_AFTER_MS = 1_000;

export interface StopSignals {
  /** Aborted by the first wish to stop. */
  signal: AbortSignal;
  /** A wish to stop from elsewhere than a signal. */
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * The first signal asks for an orderly stop. Under npm one Ctrl-C arrives two or three times at once, so a further
 * signal forces only when it comes at least a second later.
 */
export function onStopSignals(force: () => void): StopSignals {
  const stopping = new AbortController();
  let firstAtMs: number | undefined;
  const stop = (): void => {
    firstAtMs ??= performance.now();
    stopping.abort();
  };
  const onSignal = (): void => {
    if (firstAtMs !== undefined && performance.now() - firstAtMs >= FORCE_AFTER_MS) force();
    else stop();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  // Our parent, if it left us a channel, is gone: nobody could stop us any more.
  process.on("disconnect", stop);
  const dispose = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off("disconnect", stop);
  };
  return { signal: stopping.signal, stop, [Symbol.dispose]: dispose };
}
