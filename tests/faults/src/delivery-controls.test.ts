import { HANG_CASES } from "./cases/n8n-hangs.ts";
import { HOSTILE_CASES } from "./cases/n8n-hostile.ts";
import { LONG_OUTAGE_CASES } from "./cases/n8n-outage.ts";
import { POISON_CASES } from "./cases/n8n-poison.ts";
import { N8N_WORLDS } from "./cases/n8n-worlds.ts";
import { HOLD_POINTS, PAUSE_CASES } from "./cases/pauses.ts";
import { REDELIVERED, REDELIVERY_CASES } from "./cases/redelivery.ts";
import { STORE_CASES } from "./cases/stores.ts";
import { controlTests, type Control } from "./rig/control-tests.ts";
import { FENCED } from "./rig/delivery-watch.ts";
import type { ControlName } from "./rig/edits.ts";
import type { FaultCase } from "./rig/fault-case.ts";
import { INVARIANTS } from "./rig/ledger.ts";
import type { WorldOptions } from "./rig/world.ts";

function without(
  guard: ControlName,
  options: WorldOptions,
  cases: readonly FaultCase[],
  caseName: string,
  failsWith: Control["failsWith"],
): Control {
  return { guard, world: { ...options, without: [guard] }, cases, caseName, failsWith };
}

const { answers, outage } = N8N_WORLDS;
const paused: WorldOptions = { killPoints: HOLD_POINTS };
const sweepAsleep: WorldOptions = { env: { CHAT_QUEUE_INTERVAL_MS: "3600000" } };
const once = "a claim that may be another's by now is not called";

controlTests([
  without(
    "acknowledged before it is settled",
    sweepAsleep,
    REDELIVERY_CASES,
    "the sweep asleep: redelivery",
    // Lost with its dispatcher after the call, or before it.
    [INVARIANTS.terminal, REDELIVERED],
  ),
  without("no fencing", paused, PAUSE_CASES, "a dispatcher held still in mid-call while its connection", FENCED),
  without("no look at the clock before the call", paused, PAUSE_CASES, "a dispatcher held still between claim", once),
  without("no sweep", {}, STORE_CASES, "200 messages queued", INVARIANTS.terminal),
  without("no breaker", outage, LONG_OUTAGE_CASES, "n8n refuses for ten minutes", "while n8n is away it is hardly"),
  without("no count before the call", answers, POISON_CASES, "poison", "a message that can never be delivered"),
  without("no response cap", answers, HOSTILE_CASES, "answers without end", "an answer is cut at its limits"),
  without("no total deadline", answers, HANG_CASES, "n8n that hangs", "the total deadline ends a call"),
]);
