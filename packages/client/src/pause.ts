/** Those who wait and may be woken early: each is the way to end one wait. */
export type Sleepers = Set<() => void>;

/** Waits; ends early at an abort, or when it is woken. */
export function pause(ms: number, signal: AbortSignal, sleepers?: Sleepers): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      sleepers?.delete(wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", wake);
    sleepers?.add(wake);
    if (signal.aborted) wake();
  });
}

/** Ends the waits of all who may be woken. */
export function wakeAll(sleepers: Sleepers): void {
  for (const wake of sleepers) wake();
}
