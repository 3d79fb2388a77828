import { setTimeout as pause } from "node:timers/promises";
import { LiveReader } from "@chat-relay/testkit/live-reader";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { untilLive } from "../rig/live-waits.ts";
import { n8nLine } from "../rig/n8n-lines.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import type { Visitor } from "../rig/load.ts";
import { readMetric } from "../rig/service-metrics.ts";
import type { SupervisedService } from "../rig/supervised-service.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { mustHold } from "../rig/violation.ts";
import { STREAM_LIMITS } from "./live-worlds.ts";

/** What must hold of a flood of streams, by the names that reports and controls use. */
export const STREAM_LIMIT_INVARIANTS = {
  refused: "beyond its limits a gateway refuses streams with 429 or 503 and Retry-After",
  others: "a flood of streams holds up nothing else",
  free: "a stream that is closed makes room for another",
} as const;

const FLOOD = 60;

type Count = Map<number, number>;

/** Opens all of them at once at a gateway, and counts the answers. */
async function flood(gateway: SupervisedService, visitors: readonly Visitor[]) {
  const readers = visitors.map(
    ({ sessionId, sessionToken: token }) => new LiveReader({ url: gateway.url, sessionId, token }),
  );
  const counts: Count = new Map();
  for (const reader of readers) {
    const status = await reader.answered();
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  const rude = readers.filter(({ status, headers }) => status !== 200 && !(Number(headers["retry-after"]) > 0));
  mustHold(
    STREAM_LIMIT_INVARIANTS.refused,
    rude.map(({ status }) => `${status} without Retry-After`),
  );
  return { readers, counts, close: () => readers.forEach((reader) => reader.close()) };
}

function mustCount(counts: Count, wanted: Record<number, number>): void {
  const seen = JSON.stringify(Object.fromEntries(counts));
  mustHold(STREAM_LIMIT_INVARIANTS.refused, seen === JSON.stringify(wanted) ? [] : [seen]);
}

async function openAt(gateway: SupervisedService): Promise<number> {
  return readMetric(gateway, "chat_live_streams");
}

async function floodBoth(trial: Trial, gateway: SupervisedService, other: SupervisedService): Promise<void> {
  const { load, live } = trial;
  const [visitor, ...rest] = load.visitors.slice(live.all.length);
  if (visitor === undefined) throw new Error("no session");
  const { perSession, perGateway } = STREAM_LIMITS;
  const ofOne = await flood(
    gateway,
    Array.from({ length: FLOOD }, () => visitor),
  );
  mustCount(ofOne.counts, { 200: perSession, 429: FLOOD - perSession });
  const places = perGateway - (await openAt(gateway));
  const ofMany = await flood(gateway, rest.slice(0, FLOOD));
  mustCount(ofMany.counts, { 200: places, 503: FLOOD - places });
  const elsewhere = await flood(other, [visitor]);
  mustCount(elsewhere.counts, { 200: 1 });
  for (const one of [ofOne, ofMany, elsewhere]) one.close();
  const isFree = async () => (await openAt(gateway)) <= live.all.length;
  await waitFor("places", isFree).catch(() => undefined);
  mustHold(STREAM_LIMIT_INVARIANTS.free, (await isFree()) ? [] : [`${await openAt(gateway)} are open`]);
}

const PIECES = 24;
const PIECE = `${TEXT_CANARY} ${"words ".repeat(1_700)}`;

async function* longReply(): AsyncGenerator<string> {
  for (let index = 0; index < PIECES; index += 1) {
    yield n8nLine({ type: "item", content: PIECE });
    await pause(40);
  }
}

/** Together the replies are more than the live log may hold, so that their beginnings are gone for who comes late. */
async function overfill({ load, live, world, random, measure }: Trial): Promise<void> {
  const visitors = await load.open(10);
  for (const visitor of visitors) live.follow(visitor);
  await untilLive(live.all);
  world.n8n.answerWith(() => ({ chunks: longReply() }));
  const sending = Promise.all(visitors.map((visitor) => load.send(visitor)));
  const areAnswered = () => live.all.every(({ transcript }) => transcript.messages.length === 2);
  const answered = sending.then(() => waitFor("the replies", areAnswered, 60_000));
  await meanwhile(answered, async () => {
    await pause(50);
    random.pick(live.all).drop();
  });
  const pieces = live.all.reduce((sum, { transcript }) => sum + transcript.text.pieces.length, 0);
  measure("full live log: pieces told", pieces);
}

/** For a world with few places for streams, and little for text under way. */
export const LIVE_LIMIT_CASES: FaultCase[] = [
  {
    name: "a flood of streams: 429 beyond those of a session, 503 beyond those of a gateway, and nothing else suffers",
    calledOnce: true,
    async run(trial) {
      const { world, load, live } = trial;
      const [gateway, other] = world.gateways as [SupervisedService, SupervisedService];
      await load.open(FLOOD + 20);
      await untilLive(live.all);
      await meanwhile(floodBoth(trial, gateway, other), () => load.steady(20, 20));
      mustHold(STREAM_LIMIT_INVARIANTS.others, [
        ...load.seen
          .filter(({ status }) => status < 200 || status > 299)
          .map(({ status }) => `a send was answered ${status}`),
        ...live.all.filter(({ streams }) => streams !== 1).map(({ streams }) => `a reader had ${streams} streams`),
      ]);
    },
  },
  {
    name: "more text under way than the live log holds: who comes late is told whole text or none, and every reply",
    run: overfill,
  },
];
