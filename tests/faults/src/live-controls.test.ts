import { LIVE_GATEWAY_CASES } from "./cases/live-gateways.ts";
import { LIVE_LIMIT_CASES, STREAM_LIMIT_INVARIANTS } from "./cases/live-limits.ts";
import { LIVE_READER_CASES, READER_INVARIANTS } from "./cases/live-readers.ts";
import { LIVE_REPLY_CASES, REPLY_INVARIANTS } from "./cases/live-replies.ts";
import { LIVE_SLOW_CASES, SLOW_READER_INVARIANTS } from "./cases/live-slow.ts";
import { LIVE_STORE_CASES, LIVE_STORE_INVARIANTS } from "./cases/live-stores.ts";
import { LIVE_WORLDS } from "./cases/live-worlds.ts";
import { controlTests, type Control } from "./rig/control-tests.ts";
import type { ControlName } from "./rig/edits.ts";
import type { FaultCase } from "./rig/fault-case.ts";
import { LIVE_INVARIANTS } from "./rig/transcript.ts";

function without(
  guard: ControlName,
  cases: readonly FaultCase[],
  caseName: string,
  failsWith: Control["failsWith"],
  world: Control["world"] = LIVE_WORLDS.usual,
): Control {
  return { guard, world: { ...world, without: [guard] }, cases, caseName, failsWith };
}

const LOST = "readers whose connections are lost";
const OTHER_IDS = "a reader with an unknown";
const { own, resumed, once, complete, statuses, open, over } = LIVE_INVARIANTS;

controlTests([
  without("who resumes is told nothing of what was missed", LIVE_READER_CASES, LOST, [resumed, complete]),
  without("told while it reads", LIVE_READER_CASES, LOST, [once, complete]),
  without("followed after its position is read", LIVE_READER_CASES, LOST, [complete, statuses]),
  without("finished text kept", LIVE_READER_CASES, LOST, over),
  without("events of every session heard", LIVE_READER_CASES, LOST, own),
  without("any session's id taken", LIVE_READER_CASES, OTHER_IDS, READER_INVARIANTS.reset),
  without("ids of the future taken", LIVE_READER_CASES, OTHER_IDS, READER_INVARIANTS.reset),
  without(
    "a failed attempt's text not withdrawn",
    LIVE_REPLY_CASES,
    "an answer that reports",
    REPLY_INVARIANTS.withdrawn,
  ),
  without("a stale attempt's text shown", LIVE_REPLY_CASES, "a dispatcher held still", [
    REPLY_INVARIANTS.stale,
    REPLY_INVARIANTS.again,
  ]),
  without("text not sent again after an outage", LIVE_STORE_CASES, "nats-server killed", LIVE_STORE_INVARIANTS.whole),
  without("no look at sessions", LIVE_STORE_CASES, "NATS silent", LIVE_STORE_INVARIANTS.looked),
  without("an end at every stop", LIVE_GATEWAY_CASES, "gateways ended in order", open),
  without("no cap on what is unread", LIVE_SLOW_CASES, "readers that stop", SLOW_READER_INVARIANTS.cut),
  without("no limits of streams", LIVE_LIMIT_CASES, "a flood", STREAM_LIMIT_INVARIANTS.refused, LIVE_WORLDS.limits),
]);
