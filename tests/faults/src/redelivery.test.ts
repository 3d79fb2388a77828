import { REDELIVERY_CASES } from "./cases/redelivery.ts";
import { faultTests } from "./rig/fault-tests.ts";

faultTests({ env: { CHAT_QUEUE_INTERVAL_MS: "3600000" } }, REDELIVERY_CASES);
