import { figure, percent, withRange } from "../report/figures.ts";
import { markdownTable } from "../report/markdown-table.ts";
import { spread } from "../report/statistics.ts";
import type { CaseCost } from "./measure-case.ts";
import { SCALE_CASES } from "./scale-case.ts";

/** Of what statements wait for, so much is told. */
const MOST_WAITS = 3;

interface CountedCase {
  dimension: string;
  value: string;
  counted: CaseCost[];
}

/** The rounds of each case that had no failure. */
function byCase(costs: CaseCost[]): CountedCase[] {
  return SCALE_CASES.map(({ dimension, value }) => {
    const all = costs.filter((cost) => cost.dimension === dimension && cost.value === value);
    return { dimension, value, counted: all.filter(({ failures }) => failures.length === 0) };
  });
}

function median(costs: CaseCost[], read: (cost: CaseCost) => number): number {
  return spread(costs.map(read)).median;
}

function serverCell(costs: CaseCost[]): string {
  const names = [...new Set(costs.flatMap(({ cpuSeconds }) => Object.keys(cpuSeconds)))];
  const of = (name: string) => median(costs, ({ cpuSeconds, answered }) => ((cpuSeconds[name] ?? 0) / answered) * 1e6);
  return names.map((name) => `${name} ${figure(of(name))}`).join(", ");
}

function waitCell(costs: CaseCost[]): string {
  const names = [...new Set(costs.flatMap(({ waits }) => Object.keys(waits)))];
  const shares = names.map((name) => ({ name, share: median(costs, ({ waits }) => waits[name] ?? 0) }));
  const most = shares.toSorted((a, b) => b.share - a.share).slice(0, MOST_WAITS);
  return most.map(({ name, share }) => `${name} ${percent(share)}`).join(", ");
}

function costTable(cases: CountedCase[], rounds: number): string {
  const head = [
    "what grows",
    "to",
    "CPU s per 1,000",
    "answered/s",
    "µs per message, by server",
    "statements wait for",
    "rounds that count",
  ];
  const rows = cases.map(({ dimension, value, counted }) => [
    dimension,
    value,
    withRange(spread(counted.map(({ cpuPerThousand }) => cpuPerThousand))),
    withRange(spread(counted.map(({ perSecond }) => perSecond))),
    serverCell(counted),
    waitCell(counted),
    `${counted.length} of ${rounds}`,
  ]);
  return markdownTable(head, rows);
}

function readsTable(cases: CountedCase[]): string {
  const rows = cases.flatMap(({ value, counted }) => {
    const reads = counted.flatMap((cost) => cost.reads ?? []);
    if (reads.length === 0) return [];
    const of = (name: keyof (typeof reads)[number]) => figure(spread(reads.map((read) => read[name])).median);
    return [[value, of("newestP50"), `${of("walkP50")} / ${of("walkP99")}`]];
  });
  return markdownTable(
    ["messages in the session", "newest page, p50 ms", "each page to the oldest, p50 / p99 ms"],
    rows,
  );
}

/** Medians and ranges over the rounds of each case that had no failure. */
export function scaleReport(costs: CaseCost[], rounds: number): string {
  const cases = byCase(costs);
  return `${costTable(cases, rounds)}\n\nPages of 100 messages of a session's history:\n\n${readsTable(cases)}`;
}
