import type { Trial } from "./fault-case.ts";
import { untilTerminal } from "./ledger.ts";
import { untilAtRest } from "./rest.ts";

const REST_MS = 30_000;

/** Waits until all that was accepted has come to its end, every callback was taken, and nothing is left over. */
export async function untilQuiet(
  { world, load, bot }: Pick<Trial, "world" | "load" | "bot">,
  settleMs = REST_MS,
): Promise<void> {
  await untilTerminal(world, load, settleMs);
  await bot.settled();
  await untilAtRest(world, REST_MS);
}
