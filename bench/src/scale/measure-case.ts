import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { waitUntil } from "@chat-relay/embedded/wait-until";
import { openAudience } from "../load/audience.ts";
import type { VisitorSession } from "../load/live-stream.ts";
import { saturate } from "../load/saturate.ts";
import type { PhaseCost } from "../measure/leg.ts";
import { openScene, type Scene } from "../measure/open-scene.ts";
import type { Stage } from "../measure/stage.ts";
import { pace } from "./pace.ts";
import type { ScaleCase, ScaleLoad } from "./scale-case.ts";

/** What a message cost in a case. */
export interface CaseCost extends PhaseCost {
  dimension: string;
  value: string;
  round: number;
  answered: number;
  perSecond: number;
  failures: string[];
}

type Measured = Omit<CaseCost, "dimension" | "value" | "round">;

const WARM_UP_MS = 4_000;
const MEASURE_MS = 10_000;
const PATIENCE_MS = 20_000;
const SETTLE_MS = 500;

async function measureClosed(
  scene: Scene,
  { users, sessions, seeded }: ScaleLoad & { kind: "closed" },
  given: VisitorSession[],
): Promise<Measured> {
  const { pipeline, meter, signal } = scene;
  using audience = await openAudience(pipeline.gatewayPorts, sessions, seeded ? given : []);
  const load = { users, patienceMs: PATIENCE_MS, signal };
  const warmUp = await saturate(audience.visitors, { ...load, durationMs: WARM_UP_MS });
  const end = meter.start();
  const result = await saturate(audience.visitors, { ...load, durationMs: MEASURE_MS });
  await delay(SETTLE_MS);
  const { answered, answeredInTime, seconds } = result;
  const failures = [...warmUp.failures, ...result.failures];
  return { ...end(answered), answered, perSecond: answeredInTime / seconds, failures };
}

const ANSWERED = "SELECT count(*)::int AS answered FROM chat_webhook_queue WHERE status = 'answered'";

/** Sends at the rate and waits until everything is answered. */
async function paceAndWait(
  scene: Scene,
  sessions: VisitorSession[],
  perSecond: number,
  durationMs: number,
): Promise<Pick<Measured, "answered" | "failures">> {
  const [port] = scene.pipeline.gatewayPorts;
  if (port === undefined) throw new Error("there is no gateway");
  const client = new pg.Client({ connectionString: scene.databaseUrl });
  await client.connect();
  const count = async () => (await client.query<{ answered: number }>(ANSWERED)).rows[0]?.answered ?? 0;
  const before = await count();
  const { accepted, failures } = await pace(sessions, { port, perSecond, durationMs, signal: scene.signal });
  await waitUntil(async () => (await count()) - before >= accepted, { timeoutMs: PATIENCE_MS, everyMs: 250 });
  const answered = (await count()) - before;
  await client.end();
  if (answered !== accepted) failures.push(`${accepted} were accepted, ${answered} answered`);
  return { answered, failures };
}

async function measurePaced(scene: Scene, perSecond: number, sessions: VisitorSession[]): Promise<Measured> {
  const warmUp = await paceAndWait(scene, sessions, perSecond, WARM_UP_MS);
  const end = scene.meter.start();
  const { answered, failures } = await paceAndWait(scene, sessions, perSecond, MEASURE_MS);
  return { ...end(answered), answered, perSecond, failures: [...warmUp.failures, ...failures] };
}

/** Measures one case on a copy of its template. */
export async function measureCase(
  stage: Stage,
  { dimension, value, pipeline, load }: ScaleCase,
  template: { database: string; sessions: VisitorSession[] },
  round: number,
): Promise<CaseCost> {
  await using scene = await openScene(stage, pipeline, template.database);
  const measured =
    load.kind === "closed"
      ? await measureClosed(scene, load, template.sessions)
      : await measurePaced(scene, load.perSecond, template.sessions);
  return { dimension, value, round, ...measured };
}
