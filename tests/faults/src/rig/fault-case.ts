import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { Bot, messageIdOf, waysOfReplying } from "./bot.ts";
import { CALLED_ONCE, checkCalledOnce } from "./called-once.ts";
import { checkLedger, INVARIANTS, type Allowances } from "./ledger.ts";
import { LiveVisitors } from "./live-visitors.ts";
import { Load } from "./load.ts";
import { checkNothingLate, NOTHING_LATE } from "./nothing-late.ts";
import { createRandom, hash, RUN_SEED, type Random } from "./random.ts";
import { checkRefusals, REFUSED_WELL } from "./refusals.ts";
import { writeReport } from "./report.ts";
import { AT_REST, checkBounds, checkStanding, checkLogs } from "./rest.ts";
import { LIVE_INVARIANTS } from "./transcript.ts";
import { untilQuiet } from "./until-quiet.ts";
import type { World } from "./world.ts";

/** What a case works with. */
export interface Trial {
  world: World;
  load: Load;
  bot: Bot;
  /** Visitors who follow their sessions live; a few of each case do so from the beginning. */
  live: LiveVisitors;
  random: Random;
  /** The calls of this case that reached n8n, in the order of their arrival. */
  calls: FakeCall[];
  /** Puts a figure into the report. */
  measure: (name: string, value: number) => void;
  /** What the checker is to overlook; as little as can be. */
  allow: (allowances: Allowances) => void;
}

/** One thing that may happen. It ends when the fault is over; then the ledger checker looks at everything. */
export interface FaultCase {
  /** What must be seen, as a sentence. */
  name: string;
  run(trial: Trial): Promise<void>;
  /** No dispatcher is lost and n8n does not fail: nothing is a reason to call a message twice. */
  calledOnce?: true;
  /** How long messages may take to come to their end once `run` is over; 60,000 by default. */
  settleMs?: number;
}

const SETTLE_MS = 60_000;
/** Past the look of a gateway that has heard nothing. */
const TOLD_LIVE_MS = 15_000;

function repeated(calls: readonly FakeCall[]): number {
  return calls.length - new Set(calls.map(messageIdOf)).size;
}

async function check(trial: Trial, faultCase: FaultCase, allowed: Allowances, logsFrom: Map<string, number>) {
  const { world, load, live, calls } = trial;
  await untilQuiet(trial, faultCase.settleMs ?? SETTLE_MS);
  const answeredInResponse = (id: string) =>
    waysOfReplying(id) !== "callback" && allowed.calledBack?.has(id) !== true && allowed.replayed?.has(id) !== true;
  await checkLedger({ load, calls, allowed, answeredInResponse });
  await live.check(load, TOLD_LIVE_MS);
  await checkBounds(world);
  checkStanding(world);
  checkNothingLate(trial);
  if (faultCase.calledOnce === true) checkCalledOnce(calls);
  const [failure] = world.n8n.failures;
  if (failure !== undefined) throw new Error("n8n's script of this case is at fault", { cause: failure });
  checkLogs({ world, load }, logsFrom);
  checkRefusals(trial);
}

/** Plays the case, heals the world, and runs the whole checker; throws a `Violation` when something did not hold. */
export async function runCase(world: World, faultCase: FaultCase): Promise<void> {
  const startedAtMs = performance.now();
  const seed = (RUN_SEED ^ hash(faultCase.name)) >>> 0;
  const random = createRandom(seed);
  const logsFrom = new Map([...world.logs()].map(([name, log]) => [name, log.length]));
  const killsBefore = world.kills();
  const measured: Record<string, number> = {};
  const bot = new Bot(world, random);
  // Chance of its own: when a stream is lost is decided by timing, which must not change what else is chosen.
  using live = new LiveVisitors(world, createRandom(seed + 1));
  const load = new Load(world, random, (visitor) => live.followSome(visitor));
  let allowed: Allowances = {};
  world.n8n.calls.length = 0;
  world.n8n.failures.length = 0;
  world.n8n.answerWith(bot.answer);
  const trial: Trial = {
    world,
    load,
    bot,
    live,
    random,
    calls: world.n8n.calls,
    measure: (name, value) => void (measured[name] = Math.round(value)),
    allow: (allowances) => void (allowed = { ...allowed, ...allowances }),
  };
  try {
    await faultCase.run(trial);
    await world.heal();
    await check(trial, faultCase, allowed, logsFrom);
  } catch (error) {
    throw new Error(`seed ${RUN_SEED}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  writeReport({
    name: faultCase.name,
    seed,
    durationMs: Math.round(performance.now() - startedAtMs),
    accepted: trial.load.accepted.length,
    kills: world.kills() - killsBefore,
    calls: trial.calls.length,
    repeatedCalls: repeated(trial.calls),
    callbacks: [...bot.callbackAnswers.values()].reduce((sum, count) => sum + count, 0),
    invariants: [
      ...Object.values(INVARIANTS),
      ...Object.values(LIVE_INVARIANTS),
      NOTHING_LATE,
      REFUSED_WELL,
      ...Object.values(AT_REST),
      ...(faultCase.calledOnce === true ? [CALLED_ONCE] : []),
    ],
    measured,
  });
}
