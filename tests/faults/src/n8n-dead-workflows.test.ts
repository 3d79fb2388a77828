import { describe } from "vitest";
import { DEAD_WORKFLOW_CASES, FEW_PLACES_CASES } from "./cases/n8n-dead-workflows.ts";
import { faultTests } from "./rig/fault-tests.ts";

const env = { CHAT_QUEUE_MAX_ATTEMPTS: "3", CHAT_QUEUE_BACKOFF_MS: "3000", CHAT_QUEUE_BACKOFF_MAX_MS: "10000" };

describe("as many places on the bus as by default", () => {
  faultTests({ env }, DEAD_WORKFLOW_CASES);
});

describe("fewer places on the bus than dead sessions", () => {
  faultTests({ env: { ...env, CHAT_MAX_ACK_PENDING: "100" } }, FEW_PLACES_CASES);
});
