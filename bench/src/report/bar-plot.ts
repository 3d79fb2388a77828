import { figure } from "./figures.ts";
import type { Spread } from "./statistics.ts";

export interface BarPanel {
  title: string;
  scale: "linear" | "log";
  bars: { label: string; value: Spread; highlighted: boolean }[];
}

const WIDTH = 860;
const LABEL_WIDTH = 240;
const VALUE_WIDTH = 90;
const BAR_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const ROW_HEIGHT = 22;
const BAR_HEIGHT = 14;
const HEAD_HEIGHT = 34;

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Where a value lies, from 0 to the width of the bars. */
function scaleOf({ scale, bars }: BarPanel): (value: number) => number {
  const max = Math.max(...bars.map(({ value }) => value.max));
  if (scale === "linear") return (value) => (value / max) * BAR_WIDTH;
  const low = Math.min(...bars.map(({ value }) => value.min)) / 2;
  return (value) => (Math.log(value / low) / Math.log(max / low)) * BAR_WIDTH;
}

function barLines(
  { label, value, highlighted }: BarPanel["bars"][number],
  top: number,
  at: (value: number) => number,
): string[] {
  const middle = top + ROW_HEIGHT / 2;
  const [low, high] = [LABEL_WIDTH + at(value.min), LABEL_WIDTH + at(value.max)];
  const tall = `y="${middle - BAR_HEIGHT / 2}" height="${BAR_HEIGHT}"`;
  return [
    `<text x="${LABEL_WIDTH - 10}" y="${middle + 4}" text-anchor="end"${highlighted ? ' font-weight="bold"' : ""}>${escaped(label)}</text>`,
    `<rect x="${LABEL_WIDTH}" ${tall} width="${at(value.median).toFixed(1)}" fill="${highlighted ? "#0b7285" : "#adb5bd"}"/>`,
    `<path d="M${low.toFixed(1)} ${middle}H${high.toFixed(1)}" stroke="#212529"/>`,
    `<text x="${(high + 6).toFixed(1)}" y="${middle + 4}">${figure(value.median)}</text>`,
  ];
}

function panelLines(panel: BarPanel, top: number): string[] {
  const at = scaleOf(panel);
  const bars = panel.bars.flatMap((bar, index) => barLines(bar, top + HEAD_HEIGHT + index * ROW_HEIGHT, at));
  return [`<text x="10" y="${top + 22}" font-size="14" font-weight="bold">${escaped(panel.title)}</text>`, ...bars];
}

/** Panels of horizontal bars, one below the other, each with the range of its rounds. */
export function barPlot(panels: BarPanel[]): string {
  const lines: string[] = [];
  let top = 0;
  for (const panel of panels) {
    lines.push(...panelLines(panel, top));
    top += HEAD_HEIGHT + panel.bars.length * ROW_HEIGHT + 12;
  }
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" font-family="sans-serif" font-size="12" fill="#212529">`;
  return [open, `<rect width="${WIDTH}" height="${top}" fill="#ffffff"/>`, ...lines, "</svg>", ""].join("\n");
}
