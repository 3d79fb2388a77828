import type { Leg } from "../measure/leg.ts";
import type { Plan } from "../measure/plan.ts";
import type { Pipeline } from "../pipelines/pipeline.ts";
import { figure, percent, times, withRange } from "./figures.ts";
import { markdownTable } from "./markdown-table.ts";
import { runNote } from "./run-note.ts";
import { spread } from "./statistics.ts";
import { compareLegs, machineLoad, summarizeLegs, type Comparison, type PipelineSummary } from "./summarize-legs.ts";

export interface PipelinesReportOptions {
  command: string;
  versions: string[];
  plan: Plan;
  pipelines: Pipeline[];
  rounds: number;
  legs: Leg[];
}

const BROKERS = ["nats", "redis"];

function mainTable(summaries: PipelineSummary[], rounds: number): string {
  const head = [
    "pipeline",
    "CPU s per 1,000",
    "answered/s",
    "send to live, p50 / p99 ms",
    "send to accepted, p50 / p99 ms",
    "memory MiB",
    "rounds that count",
  ];
  const rows = summaries.map((summary) => [
    summary.name === "chat-relay" ? `**${summary.title}**` : summary.title,
    withRange(summary.cpuPerThousand),
    withRange(summary.perSecond),
    `${withRange(summary.answeredP50)} / ${figure(summary.answeredP99.median)}`,
    `${withRange(summary.acceptedP50)} / ${figure(summary.acceptedP99.median)}`,
    figure(summary.memoryMib.median),
    `${summary.rounds} of ${rounds}`,
  ]);
  return markdownTable(head, rows);
}

function comparisonTable(comparisons: Comparison[]): string {
  const rows = comparisons.map(({ title, perSecond, cpu, answeredP50 }) => [
    title,
    times(perSecond),
    times(cpu),
    times(answeredP50),
  ]);
  return markdownTable(["chat-relay against", "answered/s", "CPU per message", "send to live, p50"], rows);
}

function serverTable(summaries: PipelineSummary[]): string {
  const rows = summaries.map(({ title, microseconds, lightCpuPerThousand, commits, lightCommits }) => {
    const { postgres = 0, ...others } = microseconds;
    const broker = BROKERS.reduce((sum, name) => sum + (others[name] ?? 0), 0);
    const own = Object.entries(others).filter(([name]) => !BROKERS.includes(name));
    const ownTotal = own.reduce((sum, [, value]) => sum + value, 0);
    const parts = own.length < 2 ? "" : ` (${own.map(([name, value]) => `${name} ${figure(value)}`).join(", ")})`;
    return [
      title,
      `${figure(ownTotal)}${parts}`,
      figure(postgres),
      broker === 0 ? "–" : figure(broker),
      figure(lightCpuPerThousand.median * 1_000),
      `${figure(commits.median)}, ${figure(lightCommits.median)}`,
    ];
  });
  return markdownTable(
    [
      "µs of CPU per message",
      "own processes",
      "PostgreSQL",
      "broker",
      "in all at light load",
      "commits a message: saturated, light",
    ],
    rows,
  );
}

function setup({ command, versions, plan, legs }: PipelinesReportOptions): string {
  const { others, stolen } = machineLoad(legs);
  const lateMs = spread(legs.map(({ light }) => light.lateMs.p50)).median;
  return [
    runNote(command, versions),
    `${plan.users} users over ${plan.sessions.toLocaleString("en")} sessions at saturation, ${plan.lightPerSecond} messages a second at light load, sent ${figure(lateMs)} ms after their time (median), which all latencies include.`,
    `Medians of the rounds, with their ranges. Meanwhile other processes took ${percent(others.median)} of the cores (${percent(others.min)}–${percent(others.max)}), other guests of the host ${percent(stolen.median)} (up to ${percent(stolen.max)}).`,
  ].join("\n");
}

/** The Markdown of a run. */
export function pipelinesReport(options: PipelinesReportOptions): string {
  const { pipelines, legs, rounds } = options;
  const summaries = summarizeLegs(pipelines, legs);
  const comparisons = compareLegs("chat-relay", pipelines, legs).filter(({ cpu }) => Number.isFinite(cpu.median));
  const tables = [mainTable(summaries, rounds), ...(comparisons.length === 0 ? [] : [comparisonTable(comparisons)])];
  return [setup(options), ...tables, serverTable(summaries)].join("\n\n");
}
