import { expect, test } from "vitest";
import type { Leg } from "../measure/leg.ts";
import type { Pipeline } from "../pipelines/pipeline.ts";
import { compareLegs, summarizeLegs } from "./summarize-legs.ts";

const pipeline = (name: string): Pipeline => ({
  name,
  title: name,
  broker: "none",
  table: "message",
  start: () => Promise.reject(new Error("not in this test")),
});

function leg(name: string, round: number, perSecond: number, cpuPerThousand: number, failures: string[] = []): Leg {
  const cost = {
    cpuSeconds: { gateway: cpuPerThousand },
    cpuPerThousand,
    othersShare: 0,
    stolenShare: 0,
    commitsPerMessage: 2,
  };
  const latency = { p50: perSecond / 10, p99: perSecond };
  return {
    pipeline: name,
    round,
    failures,
    saturation: { ...cost, answered: 1_000, perSecond },
    light: { ...cost, answered: 1_000, acceptedMs: latency, answeredMs: latency, lateMs: latency },
    memoryBytes: { gateway: 1_024 ** 2 },
  };
}

const pipelines = [pipeline("ours"), pipeline("theirs")];
const legs = [
  leg("ours", 1, 100, 1),
  leg("ours", 2, 300, 2),
  leg("ours", 3, 200, 3),
  leg("theirs", 1, 50, 4),
  leg("theirs", 2, 100, 4),
  leg("theirs", 3, 9_999, 0.001, ["a message was lost"]),
];

test("medians and ranges are of the rounds without failures", () => {
  const [ours, theirs] = summarizeLegs(pipelines, legs);
  expect(ours).toMatchObject({ rounds: 3, perSecond: { median: 200, min: 100, max: 300 } });
  expect(theirs).toMatchObject({ rounds: 2, perSecond: { median: 75, min: 50, max: 100 } });
  expect(ours?.microseconds).toEqual({ gateway: 2_000 });
});

test("ratios are of the same round, and only of rounds in which both count", () => {
  expect(compareLegs("ours", pipelines, legs)).toEqual([
    {
      title: "theirs",
      perSecond: { median: 2.5, min: 2, max: 3 },
      cpu: { median: 0.375, min: 0.25, max: 0.5 },
      answeredP50: { median: 2.5, min: 2, max: 3 },
    },
  ]);
});
