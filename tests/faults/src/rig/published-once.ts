import { untilAllIsDone } from "./delivery-watch.ts";
import type { Trial } from "./fault-case.ts";
import { mustHold } from "./violation.ts";

/** Its work token and its reply. */
const EVENTS_OF_A_MESSAGE = 2;

async function eventsOnBus({ world }: Trial): Promise<number> {
  return (await world.bus())?.lastSequence ?? 0;
}

/** Runs it, waits until all is done, and sees that the bus took each event once: what was published twice was dropped. */
export async function mustPublishOnce(trial: Trial, act: () => Promise<unknown>): Promise<void> {
  const before = await eventsOnBus(trial);
  await act();
  await untilAllIsDone(trial);
  const published = (await eventsOnBus(trial)) - before;
  const wanted = EVENTS_OF_A_MESSAGE * trial.load.accepted.length;
  mustHold("the bus takes each event once", published === wanted ? [] : [`it took ${published}, not ${wanted}`]);
}
