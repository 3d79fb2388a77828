import { readdirSync, readFileSync } from "node:fs";

// What a process and everything below it has used so far, and holds now. Linux only.

interface ProcessTimes {
  pid: number;
  parent: number;
  /** Its own. */
  seconds: number;
  /** Of its children that have ended and were waited for, their children's included. */
  reapedSeconds: number;
}

const TICKS_PER_SECOND = 100;
const READ_TRIES = 20;

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // ended just now, or of another user
  }
}

function entriesIfThere(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

// Ticks are cut off to whole ones: with some dozen backends of PostgreSQL that is a fifth of a second. The scheduler counts
// each thread to the nanosecond, but forgets those that have ended.
function threadSeconds(pid: number): number {
  const threads = entriesIfThere(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) =>
    Number(readIfThere(`/proc/${pid}/task/${thread}/schedstat`).split(" ")[0]),
  );
  return nanoseconds.reduce((sum, value) => sum + value, 0) / 1e9;
}

function processTimes(pid: number): ProcessTimes | undefined {
  // After the name in parentheses, which may hold anything: parent is field 4, the times are 14 to 17.
  const text = readIfThere(`/proc/${pid}/stat`);
  if (text === "") return undefined;
  const fields = text
    .slice(text.lastIndexOf(") ") + 2)
    .split(" ")
    .map(Number);
  const [, parent = 0] = fields;
  const [user = 0, system = 0, reapedUser = 0, reapedSystem = 0] = fields.slice(11, 15);
  const seconds = (user + system) / TICKS_PER_SECOND;
  return { pid, parent, seconds, reapedSeconds: (reapedUser + reapedSystem) / TICKS_PER_SECOND };
}

function treeBelow(root: number): ProcessTimes[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const processes = pids.map((pid) => processTimes(Number(pid))).filter((times) => times !== undefined);
  const tree = processes.filter(({ pid }) => pid === root);
  // Grows while it is walked.
  for (const { pid } of tree) tree.push(...processes.filter(({ parent }) => parent === pid));
  if (tree.length === 0) throw new Error(`process ${root} is gone: its cost cannot be read`);
  return tree.map((times) => ({ ...times, seconds: Math.max(times.seconds, threadSeconds(times.pid)) }));
}

const shapeOf = (tree: ProcessTimes[]): string =>
  tree.map(({ pid, reapedSeconds }) => `${pid}:${reapedSeconds}`).join(" ");

/** A process that ends between two reads would be missed or counted twice: read again until nothing of that kind happens. */
function steadyTree(root: number): ProcessTimes[] {
  let before = treeBelow(root);
  for (let tries = 0; tries < READ_TRIES; tries += 1) {
    const after = treeBelow(root);
    if (shapeOf(after) === shapeOf(before)) return after;
    before = after;
  }
  throw new Error(`the processes below ${root} come and go too quickly to be counted`);
}

function memoryOf(pid: number): number {
  const shared = /^Pss:\s+(\d+) kB$/m.exec(readIfThere(`/proc/${pid}/smaps_rollup`));
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readIfThere(`/proc/${pid}/status`));
  return Number((shared ?? resident)?.[1] ?? 0) * 1_024;
}

/** CPU time of a process and everything below it, also of what has ended since. */
export function treeCpuSeconds(root: number): number {
  return steadyTree(root).reduce((sum, { seconds, reapedSeconds }) => sum + seconds + reapedSeconds, 0);
}

/** Memory of a process and everything below it now. Proportional: what several processes share is counted once. */
export function treeMemoryBytes(root: number): number {
  return steadyTree(root).reduce((sum, { pid }) => sum + memoryOf(pid), 0);
}
