import { describe } from "vitest";
import { ACCESS_CASES } from "./cases/edge-access.ts";
import { EDGE_BODY_CASES } from "./cases/edge-bodies.ts";
import { IDEMPOTENCY_CASES } from "./cases/edge-idempotency.ts";
import { EDGE_LIMIT_CASES } from "./cases/edge-limits.ts";
import { LOG_CASES } from "./cases/edge-logs.ts";
import { ORIGIN_CASES } from "./cases/edge-origins.ts";
import { OUTBOX_CASES } from "./cases/edge-outbox.ts";
import { SLOW_CASES } from "./cases/edge-slow.ts";
import { INPUT_WORLDS } from "./cases/input-worlds.ts";
import { faultTests } from "./rig/fault-tests.ts";

describe("the edge", () => {
  const inputs = [...EDGE_BODY_CASES, ...ACCESS_CASES, ...ORIGIN_CASES];
  faultTests(INPUT_WORLDS.edge, [...inputs, ...IDEMPOTENCY_CASES, ...SLOW_CASES, ...LOG_CASES]);
});

describe("the edge with limits", () => {
  faultTests(INPUT_WORLDS.edgeLimits, EDGE_LIMIT_CASES);
});

describe("the edge with a small outbox", () => {
  faultTests(INPUT_WORLDS.outbox, OUTBOX_CASES);
});
