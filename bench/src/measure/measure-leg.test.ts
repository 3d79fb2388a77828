import { expect, test } from "vitest";
import { choosePipelines } from "../options.ts";
import { PIPELINES } from "../pipelines/pipelines.ts";
import { measureLeg } from "./measure-leg.ts";
import { SMOKE_PLAN } from "./plan.ts";
import { openStage } from "./stage.ts";

// Those that need no Redis, one of each kind: the benchmark must not rot unnoticed.
test("every message of every pipeline is answered once", { timeout: 180_000 }, async () => {
  const pipelines = choosePipelines(PIPELINES, ["chat-relay", "inline", "jetstream"]);
  const signal = new AbortController().signal;
  await using stage = await openStage({ pipelines, signal, say: () => undefined });
  for (const pipeline of pipelines) {
    const leg = await measureLeg(stage, pipeline, SMOKE_PLAN, 1);
    expect(leg.failures).toEqual([]);
    expect(leg.saturation.answered).toBeGreaterThan(0);
    expect(leg.light.answered).toBe(SMOKE_PLAN.lightPerSecond);
    expect(leg.light.commitsPerMessage).toBeGreaterThan(1);
    for (const seconds of Object.values(leg.saturation.cpuSeconds)) expect(seconds).toBeGreaterThan(0);
  }
});
