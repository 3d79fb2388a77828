/**
 * Runs works side by side and waits for the end of all, also when one has failed: what still kills and starts servers must
 * not outlive their world. Fails with the first of the failures.
 */
export async function together(...works: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(works);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
