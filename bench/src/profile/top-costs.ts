/** A CPU profile as V8 writes it; times in microseconds of the monotonic clock. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

/** What some part of the code took itself, without what it called, as a share of the time the process was not idle. */
export interface Cost {
  name: string;
  share: number;
}

export interface TopCosts {
  /** Of the time, how much the process did anything. */
  busyShare: number;
  functions: Cost[];
  modules: Cost[];
}

const IDLE = "(idle)";

/** The package, or our own folder, that a file belongs to. */
function moduleOf(url: string): string {
  if (url.startsWith("node:")) return url;
  const [, dependency] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (dependency !== undefined) return dependency;
  return /((?:apps|packages)\/[^/]+)\/src\//.exec(url)?.[1] ?? url;
}

function placeOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(no name)" : functionName;
  if (url === "") return name;
  const file = url.replace(/^file:\/\//, "").replace(/^.*\/(node_modules|apps|packages)\//, "$1/");
  return `${name} ${file}:${lineNumber + 1}`;
}

function ranked(times: Map<string, number>, total: number): Cost[] {
  const costs = [...times].map(([name, microseconds]) => ({ name, share: microseconds / total }));
  return costs.toSorted((a, b) => b.share - a.share);
}

/** Adds the samples between two moments up. */
export function topCosts(profile: CpuProfile, fromUs: number, toUs: number): TopCosts {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  const modules = new Map<string, number>();
  const add = (times: Map<string, number>, name: string, us: number) => times.set(name, (times.get(name) ?? 0) + us);
  let [busyUs, idleUs] = [0, 0];
  let atUs = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const deltaUs = profile.timeDeltas[index] ?? 0;
    atUs += deltaUs;
    const frame = frames.get(id);
    if (atUs < fromUs || atUs > toUs || frame === undefined) continue;
    if (frame.functionName === IDLE) {
      idleUs += deltaUs;
      continue;
    }
    busyUs += deltaUs;
    add(functions, placeOf(frame), deltaUs);
    add(modules, frame.url === "" ? placeOf(frame) : moduleOf(frame.url), deltaUs);
  }
  return {
    busyShare: busyUs / (busyUs + idleUs),
    functions: ranked(functions, busyUs),
    modules: ranked(modules, busyUs),
  };
}
