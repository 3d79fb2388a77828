import { describe } from "vitest";
import { DEADLY_POINTS, KILL_POINT_CASES } from "./cases/kill-points.ts";
import { KILLED_SERVER_CASES } from "./cases/killed-servers.ts";
import { DEFAULT_KILL_CASES, KILL_CASES } from "./cases/kills.ts";
import { PARTITION_CASES } from "./cases/partitions.ts";
import { HOLD_POINTS, PAUSE_CASES } from "./cases/pauses.ts";
import { ROLLING_RESTART_CASES } from "./cases/rolling-restarts.ts";
import { faultTests } from "./rig/fault-tests.ts";

// Random deaths would else use up a message's attempts.
const MANY_ATTEMPTS = { CHAT_QUEUE_MAX_ATTEMPTS: "20" };

const DEFAULT_TIMES = {
  CHAT_ACK_WAIT_MS: "8000",
  CHAT_QUEUE_INTERVAL_MS: "5000",
  CHAT_WEBHOOK_TIMEOUT_MS: "120000",
  CHAT_SHUTDOWN_DRAIN_MS: "1000",
};

describe("killed at any moment", () => {
  faultTests({ env: MANY_ATTEMPTS }, KILL_CASES);
});

describe("killed or held still at a certain point", () => {
  const killPoints = [...DEADLY_POINTS, ...HOLD_POINTS];
  faultTests({ env: MANY_ATTEMPTS, killPoints }, [...KILL_POINT_CASES, ...PAUSE_CASES, ...KILLED_SERVER_CASES]);
});

describe("with times as by default", () => {
  faultTests({ env: DEFAULT_TIMES }, [...DEFAULT_KILL_CASES, ...PARTITION_CASES, ...ROLLING_RESTART_CASES]);
});
