import { setTimeout as pause } from "node:timers/promises";
import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { connectionsTried } from "../rig/connection-count.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { attemptOf } from "../rig/n8n-script.ts";
import { queueLength, spentProblems } from "../rig/queue-figures.ts";
import { readMetric } from "../rig/service-metrics.ts";
import { mustHold } from "../rig/violation.ts";

const SESSIONS = 500;
const OUTAGE_MS = 30_000;
const PER_SECOND = 30;
const CALL_MS = 300;
const OPEN = 2;
const FIRST_CALL_MS = 10_000;
const DRAINED_MS = 60_000;

export const NO_ATTEMPT = "an outage spends no attempt and touches no message";

/** How many connections to n8n a dispatcher may try: those that find it away, and probes at growing intervals. */
function mostConnections({ world }: Trial, outageMs: number): number {
  const [first, longest] = [Number(world.env["CHAT_BREAKER_PROBE_MS"]), Number(world.env["CHAT_BREAKER_PROBE_MAX_MS"])];
  const growing = Math.ceil(Math.log2(longest / first));
  return Number(world.env["CHAT_DISPATCH_CONCURRENCY"]) + growing + Math.ceil(outageMs / longest) + 2;
}

/** What was under way as a call arrived. */
interface Arrival {
  atMs: number;
  dispatcher: string;
  /** Calls that are open, this one included: at n8n in all, and of its dispatcher. */
  open: number;
  ofDispatcher: number;
  /** Calls of its dispatcher that were answered before. */
  answered: number;
}

/** n8n as the usual bot, somewhat slower; writes down how many calls are open at each arrival. */
function watchArrivals({ world, bot, calls }: Trial): Arrival[] {
  const arrivals: Arrival[] = [];
  world.n8n.answerWith(async (call) => {
    const own = calls.filter(({ path }) => path === call.path);
    const answered = own.filter(({ endedAtMs }) => endedAtMs !== undefined).length;
    const open = calls.filter(({ endedAtMs }) => endedAtMs === undefined).length;
    const ofDispatcher = own.length - answered;
    arrivals.push({ atMs: call.receivedAtMs, dispatcher: call.path, open, ofDispatcher, answered });
    await pause(CALL_MS);
    return bot.answer(call);
  });
  return arrivals;
}

/** One message of each session, and another of each second one, while n8n is away. */
async function fillQueue({ load, random }: Trial): Promise<void> {
  const startedAtMs = performance.now();
  const senders = load.visitors.flatMap((visitor, index) => (index % 2 === 0 ? [visitor, visitor] : [visitor]));
  const sends: Promise<unknown>[] = [];
  for (const index of senders.keys()) {
    await pause(startedAtMs + (index * 1_000) / PER_SECOND - performance.now());
    sends.push(load.send(senders[index] ?? random.pick(load.visitors)));
  }
  await Promise.all(sends);
  await pause(startedAtMs + OUTAGE_MS - performance.now());
}

async function checkOutage(trial: Trial, connectionsBefore: readonly number[], outageMs: number): Promise<void> {
  const { world, load, measure } = trial;
  const tried = world.dispatchers.map((one, index) => connectionsTried(one) - (connectionsBefore[index] ?? 0));
  measure(
    "outage: connections to n8n that were tried, of all dispatchers",
    tried.reduce((sum, count) => sum + count, 0),
  );
  const most = mostConnections(trial, outageMs);
  mustHold(
    "while n8n is away it is hardly knocked at",
    tried
      .filter((count) => count > most)
      .map((count) => `${count} connections of one dispatcher, and ${most} are allowed`),
  );
  const states = await Promise.all(world.dispatchers.map((one) => readMetric(one, "chat_breaker_state")));
  const { breaker } = await world.admin<{ breaker: string }>("/queue");
  mustHold("operators see that n8n is away", [
    ...states.flatMap((state, index) =>
      state === OPEN ? [] : [`dispatcher ${index + 1} has a breaker in state ${state}`],
    ),
    ...(breaker === "open" ? [] : [`the queue's breaker is ${breaker}`]),
  ]);
  mustHold(NO_ATTEMPT, await spentProblems(world, load));
}

/** One call, then one more with every answer, and twice as many every `rampMs`: what is open beyond that. */
function stampede(own: readonly Arrival[], rampMs: number): string[] {
  const firstMs = own[0]?.atMs ?? 0;
  return own.flatMap(({ atMs, answered, ofDispatcher }) => {
    const sinceMs = atMs - firstMs;
    const most = (1 + answered) * 2 ** Math.ceil(sinceMs / rampMs);
    return ofDispatcher <= most
      ? []
      : [`${ofDispatcher} calls open ${sinceMs} ms after the first, ${answered} answered`];
  });
}

function checkDrain({ world, measure, calls }: Trial, arrivals: readonly Arrival[]): void {
  const concurrency = Number(world.env["CHAT_DISPATCH_CONCURRENCY"]);
  const most = world.dispatchers.length * concurrency;
  const mostOpen = Math.max(...arrivals.map(({ open }) => open));
  measure("after the outage: most calls open at once", mostOpen);
  mustHold(
    "the backlog comes with no more calls at once than are allowed",
    mostOpen > most ? [`${mostOpen} were open`] : [],
  );
  const rampMs = Number(world.env["CHAT_BREAKER_RAMP_MS"]);
  const perDispatcher = [...Map.groupBy(arrivals, ({ dispatcher }) => dispatcher).values()];
  mustHold(
    "the backlog ramps up",
    perDispatcher.flatMap((own) => stampede(own, rampMs)),
  );
  const later = calls.filter((call: FakeCall) => attemptOf(call) !== 1).length;
  mustHold(NO_ATTEMPT, later === 0 ? [] : [`${later} calls were not first attempts`]);
}

const longOutage: FaultCase = {
  name: "n8n refuses for ten minutes, 500 sessions wait: no attempt spent, few knocks, and a drain without a stampede",
  settleMs: DRAINED_MS,
  async run(trial) {
    const { world, load, calls, measure } = trial;
    const arrivals = watchArrivals(trial);
    await load.open(SESSIONS);
    const before = world.dispatchers.map(connectionsTried);
    for (const { n8n } of world.dispatchers) await n8n.refuse();
    const awayAtMs = performance.now();
    await fillQueue(trial);
    await checkOutage(trial, before, performance.now() - awayAtMs);
    const backAtMs = Date.now();
    for (const { n8n } of world.dispatchers) await n8n.pass();
    const first = await waitFor("the first call", () => calls[0], FIRST_CALL_MS);
    measure("after the outage: first call after ms", first.receivedAtMs - backAtMs);
    await waitFor("the queue to drain", async () => (await queueLength(world, load)) === 0, DRAINED_MS);
    measure(`after the outage: ${load.accepted.length} messages drained after ms`, Date.now() - backAtMs);
    checkDrain(trial, arrivals);
  },
};

/**
 * n8n that cannot be reached for long. The outage's clock runs twenty times as fast as the product's: with probes after
 * 100 ms to 1.5 s in place of 500 ms to 30 s, half a minute stands for ten. The ramp afterwards is only twice as fast.
 */
export const LONG_OUTAGE_CASES: FaultCase[] = [longOutage];
