/** A controller that its parent aborts too. Abort it when its work is over: that unties it from the parent. */
export function childOf(parent: AbortSignal): AbortController {
  const child = new AbortController();
  if (parent.aborted) child.abort();
  parent.addEventListener("abort", () => child.abort(), { signal: child.signal });
  return child;
}

/**
 * Runs something that is aborted when it takes too long. What does not heed the abort is not waited for: it may be the
 * page's own code.
 */
export async function within<T>(ms: number, parent: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const child = childOf(parent);
  const timer = setTimeout(() => child.abort(new Error(`Took longer than ${ms} ms`)), ms);
  try {
    return await Promise.race([run(child.signal), aborted(child.signal)]);
  } finally {
    clearTimeout(timer);
    child.abort();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    if (signal.aborted) reject(signal.reason);
  });
}
