import { N8N_ANSWER_CASES } from "./cases/n8n-answers.ts";
import { N8N_WORLDS } from "./cases/n8n-worlds.ts";
import { faultTests } from "./rig/fault-tests.ts";

faultTests(N8N_WORLDS.answers, N8N_ANSWER_CASES);
