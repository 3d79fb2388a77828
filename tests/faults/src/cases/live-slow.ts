import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { LiveVisitor } from "../rig/live-visitor.ts";
import { untilLive } from "../rig/live-waits.ts";
import type { Visitor } from "../rig/load.ts";
import { MemoryWatch } from "../rig/memory-watch.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { readMetric } from "../rig/service-metrics.ts";
import { mustHold } from "../rig/violation.ts";

/** What must hold of slow readers, by the names that reports and controls use. */
export const SLOW_READER_INVARIANTS = {
  cut: "a reader who reads nothing is cut off",
  bounded: "what slow readers leave unread takes bounded memory",
  others: "slow readers hold up nobody else",
  paced: "a long replay is paced to its reader, and never cut",
} as const;

const MIB = 1_024 * 1_024;
const STOPPED = 4;
/** As many as fit into one announcement. */
const REPLIES_EACH = 4;
const REPLY = `${TEXT_CANARY} ${"long reply ".repeat(10_000)}`;
/** Far beyond what the sockets on both sides hold of it. */
const MOST_ROUNDS = 40;
/**
 * A look at PostgreSQL between a commit and its announcement lets readers read for themselves, paced by their sockets: those
 * wait, and are not cut.
 */
const MOST_FLOODS = 3;
const MEMORY_BYTES = 160 * MIB;
const LAG_MS = 10_000;
const CUT_WITHIN_MS = 5_000;

async function countCut({ world }: Trial): Promise<number> {
  const [gateway] = world.gateways;
  return gateway === undefined ? 0 : readMetric(gateway, "chat_live_streams_cut_total");
}

/** Replies to a session, as fast as one reader reads them, until all of the stopped ones are cut off; returns whether they were. */
async function flood(trial: Trial, quick: LiveVisitor, others: readonly Visitor[]): Promise<boolean> {
  const { load, random } = trial;
  const { visitor, transcript } = quick;
  const [before, shown] = [await countCut(trial), transcript.messages.length];
  const areCut = async () => (await countCut(trial)) - before >= STOPPED;
  for (let round = 0; round < MOST_ROUNDS && !(await areCut()); round += 1) {
    await load.send(visitor, { metadata: { long: true }, expected: { status: "answered", replies: REPLIES_EACH } });
    await load.send(random.pick(others));
    await waitFor("the replies", () => transcript.messages.length === shown + (round + 1) * (1 + REPLIES_EACH));
  }
  return waitFor("the cuts", areCut, CUT_WITHIN_MS).catch(() => false);
}

async function floodUntilCut(
  trial: Trial,
  stopped: LiveVisitor[],
  quick: LiveVisitor,
  others: Visitor[],
): Promise<void> {
  for (let tries = 0; tries < MOST_FLOODS; tries += 1) {
    for (const reader of stopped) reader.pause();
    const cut = await flood(trial, quick, others);
    for (const reader of stopped) reader.resume();
    if (cut) return;
    await untilAllIsTold(stopped, quick.transcript.messages.length);
  }
  mustHold(SLOW_READER_INVARIANTS.cut, [`not all of ${STOPPED} were`]);
}

/** Reads a little now and then, until told to stop. */
async function readSlowly(reader: LiveVisitor, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    reader.pause();
    await pause(150);
    reader.resume();
    await pause(5);
  }
}

async function untilAllIsTold(readers: readonly LiveVisitor[], count: number): Promise<void> {
  await waitFor("all to be told", () => readers.every(({ transcript }) => transcript.messages.length >= count), 60_000);
}

/** Someone comes back from before it all, and reads nothing for a while. */
async function replay(trial: Trial, visitor: Visitor, count: number): Promise<void> {
  const { live, world } = trial;
  const before = await countCut(trial);
  const back = live.follow(visitor, { pick: () => world.gateways[0]?.url ?? "" });
  await waitFor("the replay", () => back.transcript.messages.length > 0);
  back.pause();
  await pause(2_000);
  back.resume();
  await untilAllIsTold([back], count);
  const cuts = (await countCut(trial)) - before;
  const isPaced = cuts === 0 && back.streams === 1;
  mustHold(SLOW_READER_INVARIANTS.paced, isPaced ? [] : [`${cuts} cuts, ${back.streams} streams`]);
}

async function slowReaders(trial: Trial): Promise<void> {
  const { load, live, world, bot, measure } = trial;
  const [gateway, other] = world.gateways;
  if (gateway === undefined || other === undefined) return;
  const options = { pick: () => gateway.url };
  const [visitor, ...others] = await load.open(4);
  if (visitor === undefined) throw new Error("no session");
  world.n8n.answerWith((call) =>
    call.body.data.metadata.long === true
      ? { body: Array.from({ length: REPLIES_EACH }, () => REPLY) }
      : bot.answer(call),
  );
  const stopped = Array.from({ length: STOPPED }, () => live.follow(visitor, options));
  const slow = live.follow(visitor, { pick: () => other.url }); // whose cuts are not counted
  const quick = live.follow(visitor, options);
  const beside = others.map((one) => live.follow(one, options));
  await untilLive(live.all);
  using memory = new MemoryWatch(world.gateways);
  const slowness = new AbortController();
  const reading = readSlowly(slow, slowness.signal);
  await floodUntilCut(trial, stopped, quick, others).finally(() => slowness.abort());
  await reading;
  slow.resume();
  const count =
    load.accepted.filter(({ message }) => message.sessionId === visitor.sessionId).length * (1 + REPLIES_EACH);
  await untilAllIsTold([...stopped, slow, quick], count);
  const uncut = stopped.filter(({ streams }) => streams < 2).length;
  mustHold(SLOW_READER_INVARIANTS.cut, uncut === 0 ? [] : [`${uncut} were not`]);
  await replay(trial, visitor, count);
  const lagMs = Math.max(...beside.flatMap(({ lagsMs }) => lagsMs));
  measure("slow readers: MiB written to one session", (count * REPLY.length) / MIB);
  measure("slow readers: gateway holds MiB more at most", memory.mostBytes / MIB);
  measure("slow readers: a message of another session shown after ms at most", lagMs);
  mustHold(SLOW_READER_INVARIANTS.bounded, memory.mostBytes > MEMORY_BYTES ? [`${memory.mostBytes} bytes`] : []);
  mustHold(SLOW_READER_INVARIANTS.others, lagMs > LAG_MS ? [`one was shown after ${lagMs} ms`] : []);
}

/** Readers that do not read, or not as fast as there is something to read. */
export const LIVE_SLOW_CASES: FaultCase[] = [
  {
    name: "readers that stop reading are cut off and come back to all of it; slow ones get all; nobody else notices",
    run: slowReaders,
  },
];
