import { setTimeout as pause } from "node:timers/promises";
import type { FakeAnswer, FakeCall } from "@chat-relay/testkit/fake-n8n";
import { untilAllIsDone } from "../rig/delivery-watch.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { acceptP99Ms } from "../rig/figures.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { readResources } from "../rig/process-resources.ts";
import type { RestartableServer } from "../rig/restartable-server.ts";
import type { SupervisedService } from "../rig/supervised-service.ts";

export interface SoakOptions {
  messages: number;
  sessions: number;
  perSecond: number;
  /** Between two kills; the gaps are spread as by chance alone. */
  meanKillMs: number;
}

const MIB = 1_024 * 1_024;
const DRAIN_MS = 180_000;
const SAMPLE_MS = 1_000;

/** The usual bot, but for some calls that are slow and some that fail. */
function answerUnevenly({ world, bot, random }: Trial): void {
  world.n8n.answerWith(async (call: FakeCall): Promise<FakeAnswer> => {
    const chance = random.next();
    if (chance < 0.03) return { status: 500, body: "not now" };
    if (chance < 0.08) await pause(500 + random.int(2_500));
    return bot.answer(call);
  });
}

async function killServer({ random }: Trial, server: RestartableServer, signal: NodeJS.Signals): Promise<void> {
  await server.kill(signal);
  await pause(random.int(1_500));
  await server.start();
}

async function killService(service: SupervisedService): Promise<void> {
  await service.ready(); // on a slow machine it would else be killed before it ever does anything
  await service.kill();
}

/** Dispatchers die most often, servers least: each of them stops everybody. */
const VICTIMS = [
  "dispatcher",
  "dispatcher",
  "dispatcher",
  "gateway",
  "gateway",
  "receiver",
  "nats",
  "postgres",
] as const;

type Victim = (typeof VICTIMS)[number];

/** First one of each, in any order, then as chance has it. */
function pickVictim({ random }: Trial, killed: ReadonlyMap<string, number>): Victim {
  const unharmed = VICTIMS.filter((victim) => !killed.has(victim));
  return random.pick(unharmed.length > 0 ? unharmed : VICTIMS);
}

async function kill(trial: Trial, victim: Victim): Promise<void> {
  const { world, random } = trial;
  const node = random.pick(world.nats);
  if (victim === "nats") await killServer(trial, node.server, "SIGKILL");
  else if (victim === "postgres") await killServer(trial, world.postgres, "SIGQUIT");
  else await killService(random.pick(world[`${victim}s`]));
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** What the largest service of each kind holds of the memory. */
function largestMib({ world }: Trial): Map<string, number> {
  const largest = new Map<string, number>();
  for (const { kind, pid } of world.services) {
    const mib = (readResources(pid)?.residentBytes || 0) / MIB;
    largest.set(kind, Math.max(mib, largest.get(kind) ?? 0));
  }
  return largest;
}

function measureMemory({ measure }: Trial, samples: readonly Map<string, number>[]): void {
  const middle = Math.ceil(samples.length / 2);
  const halves = { "first half": samples.slice(0, middle), "second half": samples.slice(middle) };
  for (const kind of ["gateway", "dispatcher", "receiver"]) {
    for (const [half, taken] of Object.entries(halves)) {
      measure(`${kind}: most MiB, ${half}`, Math.max(0, ...taken.map((sample) => sample.get(kind) ?? 0)));
    }
  }
}

/** Kills at random until the load is through; returns how often what was killed. */
async function killMeanwhile(
  trial: Trial,
  sending: Promise<unknown>,
  meanKillMs: number,
): Promise<Map<string, number>> {
  const kills = new Map<string, number>();
  await meanwhile(sending, async () => {
    const isFirstRound = VICTIMS.some((victim) => !kills.has(victim));
    const meanMs = isFirstRound ? meanKillMs / 3 : meanKillMs;
    await pause(Math.min(4 * meanMs, -Math.log(1 - trial.random.next()) * meanMs));
    const victim = pickVictim(trial, kills);
    await kill(trial, victim);
    count(kills, victim);
  });
  return kills;
}

function mustHaveKilled(kills: ReadonlyMap<string, number>): void {
  const unharmed = new Set(VICTIMS.filter((victim) => !kills.has(victim)));
  if (unharmed.size > 0) throw new Error(`never killed: ${[...unharmed].join(", ")}; the case shows too little`);
}

async function soak(trial: Trial, { messages, sessions, perSecond, meanKillMs }: SoakOptions): Promise<void> {
  const { load, world, bot, measure } = trial;
  bot.falters = true;
  answerUnevenly(trial);
  await load.open(sessions);
  const samples: Map<string, number>[] = [];
  const sampling = setInterval(() => samples.push(largestMib(trial)), SAMPLE_MS);
  const sending = load.steady(messages, perSecond);
  try {
    const kills = await killMeanwhile(trial, sending, meanKillMs);
    mustHaveKilled(kills);
    for (const [victim, times] of kills) measure(`kills: ${victim}`, times);
    const acceptedAtMs = performance.now();
    await world.ready();
    await untilAllIsDone(trial, DRAIN_MS);
    measure("time to drain ms", performance.now() - acceptedAtMs);
  } finally {
    clearInterval(sampling);
  }
  for (const [answer, times] of load.answers) measure(`answers to visitors: ${answer}`, times);
  measure("accept p99 ms, outages included", acceptP99Ms(load.accepted));
  measureMemory(trial, samples);
}

/** Everything dies, again and again, under a load that does not end for it. */
export function soakCases(options: SoakOptions): FaultCase[] {
  const { messages, sessions, meanKillMs } = options;
  const every = `every ${meanKillMs / 1_000} s`;
  return [
    {
      name: `${messages} messages over ${sessions} sessions while everything is killed, one thing ${every}`,
      settleMs: DRAIN_MS,
      run: (trial) => soak(trial, options),
    },
  ];
}
