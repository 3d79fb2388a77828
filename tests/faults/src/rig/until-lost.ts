import { waitFor } from "@chat-relay/testkit/wait-for";

const ROUNDS = 30;

/** Goes on until each of the services has lost its answer. */
export async function untilLost(lost: readonly Promise<void>[], step: () => Promise<unknown>): Promise<void> {
  const happened = new Set<Promise<void>>();
  for (const one of lost) void one.then(() => happened.add(one));
  for (let round = 0; round < ROUNDS && happened.size < lost.length; round += 1) await step();
  if (happened.size < lost.length) throw new Error("not every service lost an answer: the case shows nothing");
}

/** Waits until each of the services has lost its answer to what it does by itself. */
export async function untilAllLost(lost: readonly Promise<void>[]): Promise<void> {
  const state = { over: false };
  void Promise.all(lost).then(() => (state.over = true));
  await waitFor("every service to lose an answer", () => state.over);
}
