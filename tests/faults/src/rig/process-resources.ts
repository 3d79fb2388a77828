import { readdirSync, readFileSync } from "node:fs";

/** What a process holds of the machine. */
export interface Resources {
  residentBytes: number;
  descriptors: number;
}

/** Reads it from /proc; undefined where there is none, or no such process, or one that has just ended. */
export function readResources(pid: number | undefined): Resources | undefined {
  if (pid === undefined) return undefined;
  try {
    const [, resident] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    if (resident === undefined) return undefined;
    return { residentBytes: Number(resident) * 1_024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

const ESTABLISHED = "01";

/** Connections that clients keep open to the port: they are theirs to close, and 72 s long nobody does. */
export function openFromClients(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  try {
    const rows = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
    return rows
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => row[1]?.endsWith(local) === true && row[3] === ESTABLISHED).length;
  } catch {
    return 0; // no such table here
  }
}
