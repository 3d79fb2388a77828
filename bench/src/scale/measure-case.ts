import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { waitUntil } from "@chat-relay/embedded/wait-until";
import { openAudience } from "../load/audience.ts";
import type { VisitorSession } from "../load/live-stream.ts";
import { saturate } from "../load/saturate.ts";
import type { PhaseCost } from "../measure/leg.ts";
import { openScene, type Scene } from "../measure/open-scene.ts";
import type { Stage } from "../measure/stage.ts";
import { strayFailures, stubFailures } from "../measure/failures.ts";
import { pace } from "./pace.ts";
import { readHistory, type HistoryReads } from "./read-history.ts";
import type { ScaleCase, ScaleLoad } from "./scale-case.ts";
import { watchWaits, type Waits } from "./watch-waits.ts";

/** What a message cost in a case. */
export interface CaseCost extends PhaseCost {
  dimension: string;
  value: string;
  round: number;
  answered: number;
  perSecond: number;
  waits: Waits;
  /** Where the case is about histories. */
  reads?: HistoryReads;
  failures: string[];
}

type Measured = Omit<CaseCost, "dimension" | "value" | "round">;

const MEASURE_MS = 10_000;
const PATIENCE_MS = 20_000;
const SETTLE_MS = 500;

async function measureClosed(
  scene: Scene,
  { users, sessions, seeded }: ScaleLoad & { kind: "closed" },
  given: VisitorSession[],
  warmUpMs: number,
): Promise<Measured> {
  const { pipeline, meter, signal } = scene;
  using audience = await openAudience(pipeline.gatewayPorts, sessions, seeded ? given : []);
  const load = { users, patienceMs: PATIENCE_MS, signal };
  const warmUp = await saturate(audience.visitors, { ...load, durationMs: warmUpMs });
  await using waits = await watchWaits(scene.databaseUrl);
  const end = meter.start();
  const result = await saturate(audience.visitors, { ...load, durationMs: MEASURE_MS });
  await delay(SETTLE_MS);
  const { answered, answeredInTime, seconds } = result;
  const cost = { ...end(answered), waits: waits.seen(), answered, perSecond: answeredInTime / seconds };
  const stats = await scene.stub.stats();
  const failures = [...stubFailures(stats, warmUp.answered + answered), ...strayFailures(audience)];
  return { ...cost, failures: [...warmUp.failures, ...result.failures, ...failures] };
}

const ANSWERED = "SELECT count(*)::int AS answered FROM chat_webhook_queue WHERE status = 'answered'";

interface PacedAndAnswered {
  answered: number;
  nextNumber: number;
  failures: string[];
}

/** Sends at the rate and waits until everything is answered. */
async function paceAndWait(
  scene: Scene,
  sessions: VisitorSession[],
  given: { perSecond: number; durationMs: number; firstNumber: number },
): Promise<PacedAndAnswered> {
  const [port] = scene.pipeline.gatewayPorts;
  if (port === undefined) throw new Error("there is no gateway");
  const client = new pg.Client({ connectionString: scene.databaseUrl });
  await client.connect();
  const count = async () => (await client.query<{ answered: number }>(ANSWERED)).rows[0]?.answered ?? 0;
  const before = await count();
  const { accepted, nextNumber, failures } = await pace(sessions, { port, ...given, signal: scene.signal });
  await waitUntil(async () => (await count()) - before >= accepted, { timeoutMs: PATIENCE_MS, everyMs: 250 });
  const answered = (await count()) - before;
  await client.end();
  if (answered !== accepted) failures.push(`${accepted} were accepted, ${answered} answered`);
  return { answered, nextNumber, failures };
}

async function measurePaced(
  scene: Scene,
  perSecond: number,
  sessions: VisitorSession[],
  warmUpMs: number,
): Promise<Measured> {
  const warmUp = await paceAndWait(scene, sessions, { perSecond, durationMs: warmUpMs, firstNumber: 0 });
  await using waits = await watchWaits(scene.databaseUrl);
  const end = scene.meter.start();
  const { answered, failures } = await paceAndWait(scene, sessions, {
    perSecond,
    durationMs: MEASURE_MS,
    firstNumber: warmUp.nextNumber,
  });
  const cost = { ...end(answered), waits: waits.seen(), answered, perSecond };
  const seen = stubFailures(await scene.stub.stats(), warmUp.answered + answered);
  return { ...cost, failures: [...warmUp.failures, ...failures, ...seen] };
}

/** Measures one case on a copy of its template. */
export async function measureCase(
  stage: Stage,
  { dimension, value, pipeline, load, warmUpMs, readsHistory = false }: ScaleCase,
  template: { database: string; sessions: VisitorSession[] },
  round: number,
): Promise<CaseCost> {
  await using scene = await openScene(stage, pipeline, template.database);
  const measured =
    load.kind === "closed"
      ? await measureClosed(scene, load, template.sessions, warmUpMs)
      : await measurePaced(scene, load.perSecond, template.sessions, warmUpMs);
  if (!readsHistory) return { dimension, value, round, ...measured };
  const [port = 0] = scene.pipeline.gatewayPorts;
  return { dimension, value, round, ...measured, reads: await readHistory(port, template.sessions) };
}
