import { figure, withRange } from "../report/figures.ts";
import { markdownTable } from "../report/markdown-table.ts";
import { spread } from "../report/statistics.ts";
import type { CaseCost } from "./measure-case.ts";

function serverCell(costs: CaseCost[]): string {
  const names = [...new Set(costs.flatMap(({ cpuSeconds }) => Object.keys(cpuSeconds)))];
  const of = (name: string) =>
    spread(costs.map(({ cpuSeconds, answered }) => ((cpuSeconds[name] ?? 0) / answered) * 1e6)).median;
  return names.map((name) => `${name} ${figure(of(name))}`).join(", ");
}

/** Each case's medians and ranges over the rounds without failures. */
export function scaleReport(costs: CaseCost[]): string {
  const keys = [...new Set(costs.map(({ dimension, value }) => `${dimension}\n${value}`))];
  const rows = keys.map((key) => {
    const [dimension = "", value = ""] = key.split("\n");
    const all = costs.filter((cost) => cost.dimension === dimension && cost.value === value);
    const counted = all.filter(({ failures }) => failures.length === 0);
    return [
      dimension,
      value,
      withRange(spread(counted.map(({ cpuPerThousand }) => cpuPerThousand))),
      withRange(spread(counted.map(({ perSecond }) => perSecond))),
      serverCell(counted),
      `${counted.length} of ${all.length}`,
    ];
  });
  return markdownTable(
    ["what grows", "to", "CPU s per 1,000", "answered/s", "µs per message, by server", "rounds"],
    rows,
  );
}
