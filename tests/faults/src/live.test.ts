import { describe } from "vitest";
import { LIVE_FRAMING_CASES } from "./cases/live-framing.ts";
import { LIVE_GATEWAY_CASES } from "./cases/live-gateways.ts";
import { LIVE_LIMIT_CASES } from "./cases/live-limits.ts";
import { LIVE_READER_CASES } from "./cases/live-readers.ts";
import { LIVE_REPLY_CASES } from "./cases/live-replies.ts";
import { LIVE_SLOW_CASES } from "./cases/live-slow.ts";
import { LIVE_STORE_CASES } from "./cases/live-stores.ts";
import { liveStormCases } from "./cases/live-storm.ts";
import { LIVE_WORLDS } from "./cases/live-worlds.ts";
import { faultTests } from "./rig/fault-tests.ts";

describe("live streams", () => {
  faultTests(LIVE_WORLDS.usual, [
    ...LIVE_READER_CASES,
    ...LIVE_FRAMING_CASES,
    ...LIVE_GATEWAY_CASES,
    ...LIVE_REPLY_CASES,
    ...LIVE_STORE_CASES,
    ...LIVE_SLOW_CASES,
    ...liveStormCases(2_000),
  ]);
});

describe("live streams with few places", () => {
  faultTests(LIVE_WORLDS.limits, LIVE_LIMIT_CASES);
});
