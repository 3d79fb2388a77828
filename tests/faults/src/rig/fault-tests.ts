import { afterAll, expect, test } from "vitest";
import { runCase, type FaultCase } from "./fault-case.ts";
import { keepLogs } from "./report.ts";
import { untilBackNearBaseline } from "./rest.ts";
import { startWorld, type World, type WorldOptions } from "./world.ts";

const TIMEOUT_MS = 600_000;

/** Makes a test of each case, all in one world; after a case that failed there is a new one. */
export function faultTests(options: WorldOptions, cases: readonly FaultCase[]): void {
  let world: World | undefined;
  const close = async () => {
    const closing = world;
    world = undefined;
    await closing?.[Symbol.asyncDispose]();
  };
  afterAll(close, TIMEOUT_MS);
  const named = cases.map((faultCase) => [faultCase.name, faultCase] as const); // "$name" would be cut short
  test.for(named)("%s", { timeout: TIMEOUT_MS }, async ([, faultCase]) => {
    world ??= await startWorld(options);
    try {
      await runCase(world, faultCase);
    } catch (error) {
      const kept = keepLogs(world, faultCase.name);
      if (kept !== undefined) process.stdout.write(`The logs of "${faultCase.name}" are in ${kept}\n`);
      await close();
      throw error;
    }
  });
  test("what the cases held is given back", { timeout: TIMEOUT_MS }, async () => {
    const back = world === undefined ? Promise.resolve() : untilBackNearBaseline(world);
    await expect(back).resolves.toBeUndefined();
  });
}
