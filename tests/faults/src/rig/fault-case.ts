import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { Bot, messageIdOf, waysOfReplying } from "./bot.ts";
import { checkLedger, INVARIANTS, untilTerminal, type Allowances } from "./ledger.ts";
import { Load } from "./load.ts";
import { createRandom, hash, RUN_SEED, type Random } from "./random.ts";
import { writeReport } from "./report.ts";
import { AT_REST, checkBounds, checkStanding, checkLogs, untilAtRest } from "./rest.ts";
import type { World } from "./world.ts";

/** What a case works with. */
export interface Trial {
  world: World;
  load: Load;
  bot: Bot;
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
  /** How long messages may take to come to their end once `run` is over; 60,000 by default. */
  settleMs?: number;
}

const SETTLE_MS = 60_000;
const REST_MS = 30_000;

function repeated(calls: readonly FakeCall[]): number {
  return calls.length - new Set(calls.map(messageIdOf)).size;
}

async function check(trial: Trial, faultCase: FaultCase, allowed: Allowances, logsFrom: Map<string, number>) {
  const { world, load, bot, calls } = trial;
  await untilTerminal(world, load, faultCase.settleMs ?? SETTLE_MS);
  await bot.settled();
  await untilAtRest(world, REST_MS);
  const answeredInResponse = (id: string) =>
    waysOfReplying(id) !== "callback" && allowed.calledBack?.has(id) !== true && allowed.replayed?.has(id) !== true;
  await checkLedger({ load, calls, allowed, answeredInResponse });
  await checkBounds(world);
  checkStanding(world);
  checkLogs(world, load, logsFrom);
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
  let allowed: Allowances = {};
  world.n8n.calls.length = 0;
  world.n8n.answerWith(bot.answer);
  const trial: Trial = {
    world,
    load: new Load(world, random),
    bot,
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
    invariants: [...Object.values(INVARIANTS), ...Object.values(AT_REST)],
    measured,
  });
}
