import { expect, test } from "vitest";
import { runCase, type FaultCase } from "./fault-case.ts";
import { writeControl } from "./report.ts";
import { startWorld, type WorldOptions } from "./world.ts";

/** A guard that is taken away, and the case that must notice. */
export interface Control {
  guard: string;
  /** A world without it. */
  world: WorldOptions;
  cases: readonly FaultCase[];
  /** How the name of the case begins. */
  caseName: string;
  /** What it must be seen to fail with, or one of what: chance may decide which check is the first to see it. */
  failsWith: string | readonly string[];
}

/** Long enough for what still works, short enough for what never comes. */
const SETTLE_MS = 15_000;
/** Without a guard that only a race would need, a case may get by. */
const TURNS = 3;
const TIMEOUT_MS = 400_000;

/** Plays the case in a world of its own, and tells what it failed with. */
async function playWithout(options: WorldOptions, faultCase: FaultCase): Promise<string> {
  await using world = await startWorld(options);
  return await runCase(world, { ...faultCase, settleMs: SETTLE_MS }).then(() => "nothing", String);
}

/** Makes a test of each control, in a world of its own. */
export function controlTests(controls: readonly Control[]): void {
  const named = controls.map((control) => [control.guard, control] as const);
  test.for(named)("without the guard a case fails: %s", { timeout: TIMEOUT_MS }, async ([, control]) => {
    const faultCase = control.cases.find(({ name }) => name.startsWith(control.caseName));
    if (faultCase === undefined) throw new Error("no such case");
    const wanted = [control.failsWith].flat();
    const isWanted = (seen: string) => wanted.some((text) => seen.includes(text));
    const turns: string[] = [];
    while (turns.length < TURNS && !turns.some(isWanted)) turns.push(await playWithout(control.world, faultCase));
    const seen = turns.find(isWanted) ?? "";
    expect(seen, `seen instead: ${turns.join("; ")}`).not.toBe("");
    writeControl({ guard: control.guard, caseName: faultCase.name, seen });
  });
}
