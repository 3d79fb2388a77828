import type { Spread } from "./statistics.ts";

/** Three significant digits, two of what is less than one, and no more than a whole number needs. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  if (Math.abs(value) >= 10) return value.toFixed(1);
  return Math.abs(value) >= 0.1 || value === 0 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
}

/** A median with its range. */
export function withRange({ median, min, max }: Spread): string {
  return `${figure(median)} (${figure(min)}–${figure(max)})`;
}

/** A ratio with its range. */
export function times({ median, min, max }: Spread): string {
  return `${figure(median)}× (${figure(min)}–${figure(max)})`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
