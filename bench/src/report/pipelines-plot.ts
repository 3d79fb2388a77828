import { barPlot, type BarPanel } from "./bar-plot.ts";
import type { Spread } from "./statistics.ts";
import type { PipelineSummary } from "./summarize-legs.ts";

/** The figures of a run as bars. */
export function pipelinesPlot(summaries: PipelineSummary[]): string {
  const counted = summaries.filter(({ rounds }) => rounds > 0);
  const panel = (title: string, scale: BarPanel["scale"], read: (summary: PipelineSummary) => Spread): BarPanel => ({
    title,
    scale,
    bars: counted.map((summary) => ({
      label: summary.title,
      value: read(summary),
      highlighted: summary.name === "chat-relay",
    })),
  });
  return barPlot([
    panel("CPU seconds per 1,000 answered messages, all servers (less is better)", "linear", (s) => s.cpuPerThousand),
    panel("Answered messages per second at saturation (more is better)", "linear", (s) => s.perSecond),
    panel(
      "Send to live reply at 50 messages a second, median in ms, logarithmic (less is better)",
      "log",
      (s) => s.answeredP50,
    ),
  ]);
}
