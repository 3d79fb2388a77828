import type { Trial } from "./fault-case.ts";
import { together } from "./together.ts";

/** Runs the work while no dispatcher is there to take a token. */
export async function withoutDispatchers({ world }: Trial, work: () => Promise<void>): Promise<void> {
  const { dispatchers } = world;
  await together(...dispatchers.map((dispatcher) => dispatcher.stop()));
  await work();
  await together(...dispatchers.map((dispatcher) => dispatcher.start()));
}
