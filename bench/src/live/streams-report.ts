import { figure, percent } from "../report/figures.ts";
import { markdownTable } from "../report/markdown-table.ts";
import { spread } from "../report/statistics.ts";
import type { FanOut } from "./fan-out.ts";
import type { StreamsCost } from "./measure-streams.ts";

const KIB = 1_024;

type Read = (cost: StreamsCost) => number;

/** Medians of the rounds of each count, side by side. */
export function streamsReport(costs: StreamsCost[]): string {
  const counts = [...new Set(costs.map(({ count }) => count))];
  const row = (label: string, show: (median: (read: Read) => number) => string): string[] => [
    label,
    ...counts.map((count) => {
      const rounds = costs.filter((cost) => cost.count === count);
      return show((read) => spread(rounds.map(read)).median);
    }),
  ];
  const fanOut = (label: string, read: (cost: StreamsCost) => FanOut): string[] =>
    row(label, (median) => {
      const [p50, p99, max] = [
        median((c) => read(c).p50Ms),
        median((c) => read(c).p99Ms),
        median((c) => read(c).maxMs),
      ];
      return `${figure(p50)} / ${figure(p99)} / ${figure(max)} ms`;
    });
  const rows = [
    row("memory of the gateway per stream (RSS), once open", (m) => `${figure(m((c) => c.openedBytesEach) / KIB)} KiB`),
    row("the same after 30 s idle", (m) => `${figure(m((c) => c.idleBytesEach) / KIB)} KiB`),
    row("CPU of the gateway to open one", (m) => `${figure(m((c) => c.openMicroseconds))} µs`),
    row("CPU of the gateway while all are idle", (m) => `${percent(m((c) => c.idleCpuShare))} of a core`),
    fanOut("callback to event at one reader of them, p50 / p99 / max", (c) => c.toOne),
    fanOut("callback to event at all, readers of one session, p50 / p99 / max", (c) => c.toAll),
    row("all cut off and back at once: all are back after", (m) => `${figure(m((c) => c.storm.allBackMs))} ms`),
    row("… streams refused meanwhile, which came back later", (m) => String(m((c) => c.storm.refused))),
    row("… CPU of all servers for it", (m) => `${figure(m((c) => c.storm.cpuSeconds))} s`),
    row(
      "… others' messages accepted meanwhile, p50 / max; not accepted",
      (m) =>
        `${figure(m((c) => c.storm.acceptedP50Ms))} / ${figure(m((c) => c.storm.acceptedMaxMs))} ms; ${m((c) => c.storm.notAccepted)}`,
    ),
  ];
  return markdownTable(["streams", ...counts.map((count) => count.toLocaleString("en"))], rows);
}
