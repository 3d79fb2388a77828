import type { Leg } from "./measure/leg.ts";
import { FULL_PLAN, QUICK_PLAN } from "./measure/plan.ts";
import { measureRounds } from "./measure/rounds.ts";
import { openStage } from "./measure/stage.ts";
import { choosePipelines, type BenchOptions } from "./options.ts";
import type { Pipeline } from "./pipelines/pipeline.ts";
import { PIPELINES } from "./pipelines/pipelines.ts";
import { figure, percent } from "./report/figures.ts";
import { writePlot, writeSection } from "./report/performance-document.ts";
import { pipelinesPlot } from "./report/pipelines-plot.ts";
import { pipelinesReport } from "./report/pipelines-report.ts";
import { saveResults } from "./report/save-results.ts";
import { summarizeLegs } from "./report/summarize-legs.ts";

const QUICK_NAMES = ["chat-relay", "inline", "bullmq", "jetstream"];
const QUICK_ROUNDS = 1;
const FULL_ROUNDS = 5;
/** Of each pipeline, for figures that are published. */
const MIN_COUNTED = 4;
const COMMAND = "npm run bench";

function legLine({ pipeline, round, failures, saturation, light }: Leg): string {
  const figures = [
    `${figure(saturation.cpuPerThousand)} CPU s per 1,000`,
    `${figure(saturation.perSecond)}/s`,
    `light p50 ${figure(light.answeredMs.p50)} p99 ${figure(light.answeredMs.p99)} ms`,
    `others ${percent(saturation.othersShare)}`,
  ].join(", ");
  const thrownOut = failures.length === 0 ? "" : ` THROWN OUT: ${failures.slice(0, 3).join("; ")} (${failures.length})`;
  return `round ${round} ${pipeline.padEnd(16)} ${figures}${thrownOut}`;
}

function refuseTooFew(pipelines: Pipeline[], legs: Leg[], rounds: number): void {
  if (rounds < FULL_ROUNDS) throw new Error(`not written: fewer than ${FULL_ROUNDS} rounds`);
  const few = summarizeLegs(pipelines, legs).filter((summary) => summary.rounds < MIN_COUNTED);
  if (few.length > 0) throw new Error(`not written: too few rounds count of ${few.map(({ name }) => name).join(", ")}`);
}

/** `npm run bench`: chat-relay and its peers in turn, and what it came to. */
export async function comparePipelines(
  { quick, only, rounds = quick ? QUICK_ROUNDS : FULL_ROUNDS }: BenchOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const pipelines = choosePipelines(PIPELINES, only ?? (quick ? QUICK_NAMES : PIPELINES.map(({ name }) => name)));
  const plan = quick ? QUICK_PLAN : FULL_PLAN;
  await using stage = await openStage({ pipelines, signal, say });
  say(`${stage.versions.join(", ")}; ${rounds} rounds of ${pipelines.map(({ name }) => name).join(", ")}`);
  const legs = await measureRounds(stage, {
    pipelines,
    plan,
    rounds,
    onLeg: (leg) => say(legLine(leg)),
    onBroken: ({ name }, round, error) => say(`round ${round} ${name} THROWN OUT: ${String(error)}`),
  });
  const report = pipelinesReport({
    command: COMMAND,
    versions: stage.versions,
    plan,
    pipelines,
    rounds,
    legs,
  });
  say(`\n${report}\n`);
  say(`raw results: ${saveResults("pipelines", { versions: stage.versions, plan, legs })}`);
  if (quick || only !== undefined) return;
  refuseTooFew(pipelines, legs, rounds);
  writeSection("pipelines", `![The figures of the table as bars](performance.svg)\n\n${report}`);
  writePlot(pipelinesPlot(summarizeLegs(pipelines, legs)));
  say("written into docs/performance.md and docs/performance.svg");
}
