import type { FaultCase } from "../rig/fault-case.ts";
import { BREAK_CASES } from "./n8n-breaks.ts";
import { HANG_CASES } from "./n8n-hangs.ts";
import { HOSTILE_ANSWER_CASES } from "./n8n-hostile-answers.ts";
import { HOSTILE_CASES } from "./n8n-hostile.ts";
import { POISON_CASES } from "./n8n-poison.ts";
import { RETRY_CASES } from "./n8n-retries.ts";
import { STREAM_FLOOD_CASES } from "./n8n-stream-floods.ts";
import { UNANSWERED_CASES } from "./n8n-unanswered.ts";

/** Whatever n8n may answer, or not answer. */
export const N8N_ANSWER_CASES: FaultCase[] = [
  ...RETRY_CASES,
  ...HANG_CASES,
  ...BREAK_CASES,
  ...HOSTILE_CASES,
  ...HOSTILE_ANSWER_CASES,
  ...STREAM_FLOOD_CASES,
  ...POISON_CASES,
  ...UNANSWERED_CASES,
];
