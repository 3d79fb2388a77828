import { readFileSync } from "node:fs";

/** What a process holds and has used so far. Linux only. */
export interface ProcessCost {
  residentBytes: number;
  cpuSeconds: number;
}

const TICKS_PER_SECOND = 100;

/** Reads it from /proc. */
export function processCost(pid: number): ProcessCost {
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  // After the name in parentheses: state is field 3, user and system time are 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { residentBytes: Number(resident?.[1]) * 1_024, cpuSeconds: ticks / TICKS_PER_SECOND };
}
