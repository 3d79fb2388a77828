import { setTimeout as pause } from "node:timers/promises";
import { untilStatus } from "./deliveries.ts";
import type { Trial } from "./fault-case.ts";
import { waitsMs } from "./figures.ts";
import type { Accepted, Visitor } from "./load.ts";
import { meanwhile } from "./meanwhile.ts";

const EVERY_MS = 50;

/** Sends for healthy sessions while the work goes on, and tells how long each of their messages waited for its call. */
export async function waitsMeanwhile(
  { world, load, calls, random }: Trial,
  healthy: readonly Visitor[],
  work: Promise<unknown>,
): Promise<number[]> {
  const sent: Accepted[] = [];
  await meanwhile(work, async () => {
    sent.push(await load.send(random.pick(healthy)));
    await pause(EVERY_MS);
  });
  await Promise.all(sent.map(({ message }) => untilStatus(world, message.id, "answered")));
  return waitsMs(calls, sent);
}
