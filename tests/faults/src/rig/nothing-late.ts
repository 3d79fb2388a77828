import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { messageIdOf } from "./bot.ts";
import type { Load } from "./load.ts";
import { mustHold } from "./violation.ts";

/** What holds for cases that are over, by the name that reports use. */
export const NOTHING_LATE = "no message is called once its case is over";

/** Sessions of the cases that are over, by world: nothing may happen to them any more. */
const ENDED = new WeakMap<object, Set<string>>();

/** A case as it comes to its end. */
export interface Ending {
  world: object;
  load: Pick<Load, "visitors">;
  /** Those that arrived while it was played. */
  calls: readonly FakeCall[];
}

/** Looks for calls of earlier cases' messages; from now on those of this case are such, too. */
export function checkNothingLate({ world, load, calls }: Ending): void {
  const ended = ENDED.get(world) ?? new Set<string>();
  const sessionOf = (call: FakeCall) => String((call.body as { sessionId?: unknown } | undefined)?.sessionId);
  const late = calls.filter((call) => ended.has(sessionOf(call)));
  mustHold(NOTHING_LATE, late.map(messageIdOf));
  for (const { sessionId } of load.visitors) ended.add(sessionId);
  ENDED.set(world, ended);
}
