import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { readFileSync } from "node:fs";
import type { Trial } from "./fault-case.ts";
import { untilTerminal } from "./ledger.ts";
import { untilAtRest } from "./rest.ts";
import type { SupervisedService } from "./supervised-service.ts";
import { mustHold } from "./violation.ts";
import type { World } from "./world.ts";

/** What a dispatcher that was held up must come to. */
export const FENCED = "whoever comes late to settle is fenced";

/** The dispatcher that made the call. */
export function callerOf(world: World, call: FakeCall): SupervisedService {
  const caller = world.dispatchers.find(({ name }) => call.path.endsWith(name));
  if (caller === undefined) throw new Error(`nobody called ${call.path}`);
  return caller;
}

/** How many claims the dispatcher has settled, by outcome, as its metrics tell. */
export async function settledClaims(dispatcher: SupervisedService): Promise<Map<string, number>> {
  const response = await fetch(`${dispatcher.url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const lines = (await response.text()).matchAll(/^chat_deliveries_total\{.*?outcome="(\w+)".*?\} (\d+)$/gm);
  return new Map([...lines].map(([, outcome = "", count]) => [outcome, Number(count)]));
}

/** Waits until the dispatcher has settled one more claim than `before`, and sees that it was refused. */
export async function untilFenced(dispatcher: SupervisedService, before: ReadonlyMap<string, number>): Promise<void> {
  const outcome = await waitFor("the stale settle", async () => {
    const now = await settledClaims(dispatcher);
    return [...now].find(([name, count]) => count > (before.get(name) ?? 0))?.[0];
  });
  mustHold(FENCED, outcome === "fenced" ? [] : [`${dispatcher.name} settled as "${outcome}"`]);
}

/** Whether the process is stopped by a signal; see `SupervisedService.pause`. */
export function isHeldStill({ pid }: SupervisedService): boolean {
  return pid !== undefined && /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Waits until everything that the case began has come to its end. */
export async function untilAllIsDone({ world, load, bot }: Trial, withinMs = 30_000): Promise<void> {
  await untilTerminal(world, load, withinMs);
  await bot.settled();
  await untilAtRest(world, withinMs);
}
