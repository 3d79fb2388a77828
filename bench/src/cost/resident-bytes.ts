import { readFileSync } from "node:fs";

/** What a process holds in memory now (RSS). Linux only. */
export function residentBytes(pid: number): number {
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(resident?.[1]) * 1_024;
}
