import { describe } from "vitest";
import { BUS_WORLDS } from "./cases/bus-worlds.ts";
import { DRIFT_CASES } from "./cases/drift.ts";
import { FULL_STREAM_CASES, SWEEP_CASES } from "./cases/sweeps.ts";
import { faultTests } from "./rig/fault-tests.ts";

describe("the bus changed by hand", () => {
  faultTests(BUS_WORLDS.drift, DRIFT_CASES);
});

describe("sweeps that overlap", () => {
  faultTests(BUS_WORLDS.sweeps, SWEEP_CASES);
});

describe("a stream that is full", () => {
  faultTests(BUS_WORLDS.fullStream, FULL_STREAM_CASES);
});
