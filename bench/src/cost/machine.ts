import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

const TICKS_PER_SECOND = 100;
const GIB = 1_024 ** 3;

/** What all cores together have done since the machine was started. */
export interface MachineTimes {
  busySeconds: number;
  /** Taken by other guests of the same host. */
  stolenSeconds: number;
}

/** Reads it from /proc/stat. */
export function machineTimes(): MachineTimes {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return {
    busySeconds: (user + nice + system + irq + softirq) / TICKS_PER_SECOND,
    stolenSeconds: steal / TICKS_PER_SECOND,
  };
}

export const CORES = cpus().length;

/** The machine in one line. */
export function machineName(): string {
  return `${CORES} × ${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${Math.round(totalmem() / GIB)} GiB, Linux ${release()}`;
}
