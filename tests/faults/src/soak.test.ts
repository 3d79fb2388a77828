import { soakCases } from "./cases/soak.ts";
import { faultTests } from "./rig/fault-tests.ts";

const FULL = { messages: 10_000, sessions: 200 };
const SHORT = { messages: 1_500, sessions: 60 };
const size = process.env["CHAT_FAULT_SOAK"] === "full" ? FULL : SHORT;

faultTests({ env: { CHAT_QUEUE_MAX_ATTEMPTS: "100" } }, soakCases({ ...size, perSecond: 45, meanKillMs: 3_000 }));
