import { OUTAGE_KIND_CASES } from "./cases/n8n-outage-kinds.ts";
import { LONG_OUTAGE_CASES } from "./cases/n8n-outage.ts";
import { N8N_WORLDS } from "./cases/n8n-worlds.ts";
import { faultTests } from "./rig/fault-tests.ts";

faultTests(N8N_WORLDS.outage, [...LONG_OUTAGE_CASES, ...OUTAGE_KIND_CASES]);
