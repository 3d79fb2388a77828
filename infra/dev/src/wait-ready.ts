import { waitUntil } from "@chat-relay/embedded/wait-until";

const TRY_TIMEOUT_MS = 5_000;

/** Asks a service's `/readyz` until it answers 200. False when it did not in time, or when the wait was given up. */
export async function waitReady(
  baseUrl: string,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<boolean> {
  const isReady = async (): Promise<boolean> => {
    const timeout = AbortSignal.timeout(TRY_TIMEOUT_MS);
    try {
      const response = await fetch(`${baseUrl}/readyz`, { signal: AbortSignal.any([timeout, signal]) });
      await response.body?.cancel();
      return response.status === 200;
    } catch {
      return false; // not listening yet
    }
  };
  await waitUntil(async () => signal.aborted || (await isReady()), { timeoutMs, everyMs: 50 });
  return !signal.aborted && (await isReady());
}
