import type { Holdings } from "./holdings.ts";

const MIB = 1_024 * 1_024;

/** As many connections to PostgreSQL as a service may ever have: `CHAT_DATABASE_POOL_SIZE` as by default. */
const POOL = 20;
/** A service has one connection to NATS, whatever it has been through. */
const NATS = 1;

/** What a service may hold beyond what it began with. */
export interface Bounds {
  moreBytes: number;
  moreDescriptors: number;
  /** Connections to PostgreSQL. */
  moreConnections: number;
}

/** While there is work: memory that nobody had reason to collect yet, and connections that the pool keeps for 10 s. */
export const WITHIN: Bounds = { moreBytes: 160 * MIB, moreDescriptors: 200, moreConnections: POOL };
/** When nothing happens any more. A sweep, a report and a look at the health may meet, and each needs a connection. */
export const NEAR: Bounds = { moreBytes: 64 * MIB, moreDescriptors: 24, moreConnections: 3 };

/** A service by what it held when its present life had just become ready, and by what it holds now. */
export interface Held {
  name: string;
  began: Holdings | undefined;
  now: Holdings | undefined;
}

/** `tells`: whether this machine tells what processes hold. Where it should and does not, a look at nothing would pass. */
function machineProblems(began: Holdings, now: Holdings, bounds: Bounds, tells: boolean): string[] {
  if (began.machine === undefined || now.machine === undefined)
    return tells ? ["tells nothing of its memory and its descriptors"] : [];
  const moreBytes = now.machine.residentBytes - began.machine.residentBytes;
  const more = now.machine.descriptors - began.machine.descriptors;
  return [
    ...(moreBytes > bounds.moreBytes ? [`holds ${Math.round(moreBytes / MIB)} MiB more`] : []),
    ...(more > bounds.moreDescriptors ? [`holds ${more} more descriptors`] : []),
  ];
}

function connectionProblems(began: Holdings, now: Holdings, bounds: Bounds): string[] {
  const most = Math.min(POOL, began.postgres + bounds.moreConnections);
  const shown = `${now.postgres} connections to PostgreSQL, and began with ${began.postgres}`;
  return [
    ...(now.postgres > most ? [`holds ${shown}`] : []),
    ...(now.nats > NATS ? [`holds ${now.nats} connections to NATS`] : []),
  ];
}

function problemsOf({ began, now }: Held, bounds: Bounds, tells: boolean): string[] {
  if (now === undefined) return ["is down: nothing tells what it holds"];
  if (began === undefined) return ["has not become ready: nothing tells what it began with"];
  return [...machineProblems(began, now, bounds, tells), ...connectionProblems(began, now, bounds)];
}

/** Where services hold more than that, or nothing tells. */
export function resourceProblems(
  held: readonly Held[],
  bounds: Bounds,
  tells = process.platform === "linux",
): string[] {
  return held.flatMap((one) => problemsOf(one, bounds, tells).map((problem) => `${one.name} ${problem}`));
}
