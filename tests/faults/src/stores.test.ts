import { LOST_ANSWER_CASES } from "./cases/lost-answers.ts";
import { STORE_CASES } from "./cases/stores.ts";
import { faultTests } from "./rig/fault-tests.ts";

// Longer than a case keeps a call open.
faultTests({ env: { CHAT_QUEUE_MAX_ATTEMPTS: "20", CHAT_WEBHOOK_TIMEOUT_MS: "20000" } }, [
  ...STORE_CASES,
  ...LOST_ANSWER_CASES,
]);
