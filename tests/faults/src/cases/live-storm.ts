import { waitFor } from "@chat-relay/testkit/wait-for";
import { Balancer } from "../rig/balancer.ts";
import { unwatchedVisitor } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { acceptP99Ms } from "../rig/figures.ts";
import { LiveVisitor } from "../rig/live-visitor.ts";
import { untilLive } from "../rig/live-waits.ts";
import { refusals } from "../rig/refusals.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { readResources } from "../rig/process-resources.ts";
import { readMetric } from "../rig/service-metrics.ts";
import type { SupervisedService } from "../rig/supervised-service.ts";
import { mustHold } from "../rig/violation.ts";

/** What must hold when very many readers come at once, by the names that reports use. */
const STORM_INVARIANTS = {
  back: "all readers of a gateway that died are back at another soon",
  accepted: "sends are accepted while very many readers come back",
  given: "what closed streams held is given back",
} as const;

const MIB = 1_024 * 1_024;
const PER_SECOND = 20;
const BACK_WITHIN_MS = 30_000;
/** Alone on the machine 0.2 s; beside other cases it makes thousands of connections in a moment, at both ends. */
const ACCEPT_P99_MS = 10_000;
const OPEN_AT_ONCE = 25;
/** As long as a browser is asked to wait, and by chance less. */
const RETURN_WITHIN_MS = 2_000;

const TRANSACTIONS = {
  name: "faults-transactions",
  text: "SELECT xact_commit::int AS count FROM pg_stat_database WHERE datname = current_database()",
};

async function countTransactions({ world }: Trial): Promise<number> {
  const [row] = await world.database.query<{ count: number }>(TRANSACTIONS, []);
  return row?.count ?? 0;
}

/** Readers of so many sessions in which nothing happens, at the first of the gateways, and later at the second. */
async function givenIdle({ world, random }: Trial, count: number, cleanup: DisposableStack): Promise<LiveVisitor[]> {
  const [first, second] = world.gateways as [SupervisedService, SupervisedService];
  const idle: LiveVisitor[] = [];
  const pick = (connection: number) => (connection === 0 ? first : second).url;
  const one = async () => {
    const visitor = await unwatchedVisitor(second);
    idle.push(cleanup.use(new LiveVisitor({ visitor, pick, random, returnWithinMs: RETURN_WITHIN_MS })));
  };
  while (idle.length < count) await Promise.all(Array.from({ length: OPEN_AT_ONCE }, one));
  await untilLive(idle, 60_000);
  return idle;
}

async function storm(trial: Trial, count: number): Promise<void> {
  const { world, load, live, random, measure } = trial;
  const [first, second] = world.gateways as [SupervisedService, SupervisedService];
  using cleanup = new DisposableStack();
  using gateways = new Balancer(world.gateways, random);
  load.route(gateways.pick);
  await load.open(20);
  const idle = await givenIdle(trial, count, cleanup);
  measure(`${count} idle streams: gateway holds MiB`, (readResources(first.pid)?.residentBytes ?? 0) / MIB);
  await load.steady(3 * PER_SECOND, PER_SECOND);
  const calm = load.accepted.length;
  measure(`${count} idle streams: accept p99 ms`, acceptP99Ms(load.accepted));
  const before = await countTransactions(trial);
  await first.stop("SIGKILL");
  const killedAtMs = Date.now();
  const isBack = ({ isReady, streams }: LiveVisitor) => isReady && streams > 1;
  const back = waitFor("all to be back", () => idle.every(isBack), BACK_WITHIN_MS).catch(() => false);
  await meanwhile(back, () => load.steady(PER_SECOND, PER_SECOND));
  measure(
    `reconnect storm of ${count}: all are back after ms`,
    Math.max(...idle.map(({ readyAtMs }) => readyAtMs)) - killedAtMs,
  );
  measure(`reconnect storm of ${count}: transactions at PostgreSQL`, (await countTransactions(trial)) - before);
  measure(`reconnect storm of ${count}: accept p99 ms`, acceptP99Ms(load.accepted.slice(calm)));
  mustHold(
    STORM_INVARIANTS.back,
    idle.filter((one) => !isBack(one)).map(({ refusals }) => `one is not; ${refusals.join()}`),
  );
  mustHold(STORM_INVARIANTS.accepted, [
    ...refusals(load).map((what) => `one was answered ${what}`),
    ...(acceptP99Ms(load.accepted) > ACCEPT_P99_MS ? [`p99 is ${Math.round(acceptP99Ms(load.accepted))} ms`] : []),
  ]);
  for (const { transcript } of idle) transcript.check([]);
  cleanup.dispose();
  const left = () => readMetric(second, "chat_live_streams");
  await waitFor("the streams to be gone", async () => (await left()) <= live.all.length).catch(() => undefined);
  mustHold(STORM_INVARIANTS.given, (await left()) <= live.all.length ? [] : [`${await left()} streams are left`]);
  await first.start();
}

/** So many idle streams at one gateway, which dies. */
export function liveStormCases(count: number): FaultCase[] {
  return [
    {
      name: `${count} idle streams at a gateway that is killed: all come back to the other, and sends are accepted`,
      run: (trial) => storm(trial, count),
    },
  ];
}
