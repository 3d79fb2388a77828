const DURATIONS: [number, string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];
const SIZES: [number, string][] = [
  [1_024 ** 3, "GiB"],
  [1_024 ** 2, "MiB"],
  [1_024, "KiB"],
];

/** The number in the largest unit that keeps it whole (a day is 24 h), by the unit in the field's name; undefined if none does. */
export function readableUnit(fieldName: string, value: unknown): string | undefined {
  if (typeof value !== "number" || value === 0) return undefined;
  const units = fieldName.endsWith("Ms") ? DURATIONS : fieldName.endsWith("Bytes") ? SIZES : [];
  const unit = units.find(([size, name]) => value % size === 0 && (name !== "d" || value > size));
  return unit === undefined ? undefined : `${value / unit[0]} ${unit[1]}`;
}
