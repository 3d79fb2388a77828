import { setTimeout as delay } from "node:timers/promises";
import { arrive } from "../load/arrive.ts";
import { openAudience, type Audience } from "../load/audience.ts";
import { saturate, type Saturation } from "../load/saturate.ts";
import type { Pipeline } from "../pipelines/pipeline.ts";
import { percentile } from "../report/statistics.ts";
import { storeFailures, strayFailures, stubFailures } from "./failures.ts";
import type { Latency, Leg } from "./leg.ts";
import { openScene, type Scene } from "./open-scene.ts";
import type { Plan } from "./plan.ts";
import type { Stage } from "./stage.ts";

const PATIENCE_MS = 20_000;
/** For what is done after a reply was shown: it belongs to the message's cost. */
const SETTLE_MS = 500;

function latency(values: number[]): Latency {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99) };
}

type Saturated = Saturation & { cost: Leg["saturation"] };

async function measureSaturation(scene: Scene, { visitors }: Audience, plan: Plan): Promise<Saturated> {
  const { meter, signal } = scene;
  const writesBefore = await scene.writes();
  const end = meter.start();
  const { users, saturateMs: durationMs } = plan;
  const result = await saturate(visitors, { users, durationMs, patienceMs: PATIENCE_MS, signal });
  await delay(SETTLE_MS);
  const { answered } = result;
  const perSecond = result.answeredInTime / result.seconds;
  const cost = end(answered);
  const commitsPerMessage = ((await scene.writes()) - writesBefore) / answered;
  return { ...result, cost: { ...cost, commitsPerMessage, answered, perSecond } };
}

async function measureLight(scene: Scene, { visitors }: Audience, plan: Plan) {
  const { meter, signal } = scene;
  const writesBefore = await scene.writes();
  const end = meter.start();
  const { lightPerSecond: perSecond, lightMs: durationMs } = plan;
  const arrivals = await arrive(visitors, { perSecond, durationMs, patienceMs: PATIENCE_MS, signal });
  await delay(SETTLE_MS);
  const answered = arrivals.answeredMs.length;
  const acceptedMs = latency(arrivals.acceptedMs);
  const answeredMs = latency(arrivals.answeredMs);
  const lateMs = latency(arrivals.lateMs);
  const cost = end(answered);
  const commitsPerMessage = ((await scene.writes()) - writesBefore) / answered;
  return {
    failures: arrivals.failures,
    cost: { ...cost, commitsPerMessage, answered, acceptedMs, answeredMs, lateMs },
  };
}

/** Measures one pipeline from beginning to end. */
export async function measureLeg(stage: Stage, pipeline: Pipeline, plan: Plan, round: number): Promise<Leg> {
  await using scene = await openScene(stage, pipeline);
  using audience = await openAudience(scene.pipeline.gatewayPorts, plan.sessions);
  const { users, warmUpMs: durationMs } = plan;
  const warmUp = await saturate(audience.visitors, {
    users,
    durationMs,
    patienceMs: PATIENCE_MS,
    signal: stage.signal,
  });
  const saturation = await measureSaturation(scene, audience, plan);
  await scene.calm();
  const light = await measureLight(scene, audience, plan);
  const answered = warmUp.answered + saturation.answered + light.cost.answered;
  const failures = [
    ...warmUp.failures,
    ...saturation.failures,
    ...light.failures,
    ...strayFailures(audience),
    ...stubFailures(await scene.stub.stats(), answered),
    ...storeFailures(await scene.stored(), answered),
  ];
  return {
    pipeline: pipeline.name,
    round,
    failures,
    saturation: saturation.cost,
    light: light.cost,
    memoryBytes: scene.meter.memoryBytes(),
  };
}
