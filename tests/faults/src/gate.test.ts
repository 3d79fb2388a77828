// What `npm test` plays: the cases that tell most in the least time.
import { describe } from "vitest";
import { FORGERY_CASES } from "./cases/callback-forgeries.ts";
import { CALLBACK_CASES } from "./cases/callbacks.ts";
import { ACCESS_CASES } from "./cases/edge-access.ts";
import { IDEMPOTENCY_CASES } from "./cases/edge-idempotency.ts";
import { INPUT_WORLDS } from "./cases/input-worlds.ts";
import { LIVE_FRAMING_CASES } from "./cases/live-framing.ts";
import { LIVE_GATEWAY_CASES } from "./cases/live-gateways.ts";
import { LIVE_READER_CASES } from "./cases/live-readers.ts";
import { LIVE_REPLY_CASES, REPLY_INVARIANTS } from "./cases/live-replies.ts";
import { LIVE_STORE_CASES } from "./cases/live-stores.ts";
import { liveStormCases } from "./cases/live-storm.ts";
import { LIVE_WORLDS } from "./cases/live-worlds.ts";
import { DEADLY_POINTS, KILL_POINT_CASES } from "./cases/kill-points.ts";
import { KILL_CASES } from "./cases/kills.ts";
import { HOLD_POINTS, PAUSE_CASES } from "./cases/pauses.ts";
import { REDELIVERED, REDELIVERY_CASES } from "./cases/redelivery.ts";
import { STORE_CASES } from "./cases/stores.ts";
import { controlTests } from "./rig/control-tests.ts";
import type { FaultCase } from "./rig/fault-case.ts";
import { faultTests } from "./rig/fault-tests.ts";
import { INVARIANTS } from "./rig/ledger.ts";

/** Those whose names begin so. */
function choose(cases: readonly FaultCase[], names: readonly string[]): FaultCase[] {
  return names.map((name) => {
    const found = cases.find((faultCase) => faultCase.name.startsWith(name));
    if (found === undefined) throw new Error(`no case begins with "${name}"`);
    return found;
  });
}

describe("killed, held still, and with servers killed", () => {
  const env = { CHAT_QUEUE_MAX_ATTEMPTS: "20", CHAT_WEBHOOK_TIMEOUT_MS: "20000" };
  faultTests({ env, killPoints: [...DEADLY_POINTS, ...HOLD_POINTS] }, [
    ...choose(KILL_CASES, ["without any fault", "a dispatcher killed in mid-call"]),
    ...choose(KILL_POINT_CASES, [
      "a dispatcher killed between n8n's answer and the commit",
      "a dispatcher killed between commit and acknowledgement",
      "a gateway killed between commit and answer",
      "a receiver killed between commit and answer",
    ]),
    ...PAUSE_CASES,
    ...choose(STORE_CASES, [
      "200 messages queued and the store of NATS wiped",
      "the answer to a settle's commit lost",
      "the answer to an accepted message's commit lost",
    ]),
  ]);
});

describe("live streams", () => {
  faultTests(LIVE_WORLDS.usual, [
    ...LIVE_READER_CASES,
    ...LIVE_FRAMING_CASES,
    ...choose(LIVE_GATEWAY_CASES, ["a gateway killed under half of 300 streams"]),
    ...choose(LIVE_REPLY_CASES, [
      "a dispatcher killed in the middle",
      "a dispatcher held still in the middle of a reply",
    ]),
    ...choose(LIVE_STORE_CASES, ["nats-server killed in the middle"]),
    ...liveStormCases(500),
  ]);
});

describe("the edges", () => {
  faultTests(INPUT_WORLDS.callbacks, [
    ...choose(CALLBACK_CASES, ["the same callback 3 and 30 times at once"]),
    ...choose(FORGERY_CASES, ["forged callbacks"]),
    ...ACCESS_CASES,
    ...choose(IDEMPOTENCY_CASES, ["the same message 20 times at once"]),
  ]);
});

describe("the checker can fail", () => {
  controlTests([
    {
      guard: "a token is acknowledged only after its work is settled",
      world: { without: ["acknowledged before it is settled"], env: { CHAT_QUEUE_INTERVAL_MS: "3600000" } },
      cases: REDELIVERY_CASES,
      caseName: "the sweep asleep: redelivery",
      failsWith: [INVARIANTS.terminal, REDELIVERED],
    },
    {
      guard: "text of a failed attempt is withdrawn",
      world: { ...LIVE_WORLDS.usual, without: ["a failed attempt's text not withdrawn"] },
      cases: LIVE_REPLY_CASES,
      caseName: "an answer that reports an error",
      failsWith: REPLY_INVARIANTS.withdrawn,
    },
  ]);
});
