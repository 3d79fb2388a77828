import { within } from "./abort.ts";

/**
 * Runs something in one tab at a time, where the browser has locks for that. It saves double requests; where there are
 * no locks, or another tab keeps one for too long, it runs without, and the gateway sorts the doubles out by their key.
 */
export async function withLock<T>(
  name: string | null,
  timeoutMs: number,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<T> {
  const locks = name === null ? undefined : globalThis.navigator?.locks;
  if (name === null || locks === undefined) return run();
  let result: Promise<T> | undefined;
  try {
    await within(timeoutMs, signal, (signal) => locks.request(name, { signal }, () => (result = run())));
  } catch {
    // Not granted in time, or not allowed here.
  }
  return result ?? run();
}
