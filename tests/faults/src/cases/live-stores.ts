import { setTimeout as pause } from "node:timers/promises";
import { LiveReader } from "@chat-relay/testkit/live-reader";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { untilLive, untilShown, untilTold } from "../rig/live-waits.ts";
import type { Visitor } from "../rig/load.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { untilCaughtUp } from "../rig/nats-leaders.ts";
import { speakForN8n } from "../rig/spoken-call.ts";
import { together } from "../rig/together.ts";
import { mustHold } from "../rig/violation.ts";

/** What must hold of streams while a store is away, by the names that reports and controls use. */
export const LIVE_STORE_INVARIANTS = {
  shown: "text is shown as it comes",
  whole: "text is whole when NATS is back, though nothing more is said, and a new reader is told all of it",
  looked: "while NATS is away, what happens is shown within CHAT_QUEUE_INTERVAL_MS",
  stays: "streams stay open while PostgreSQL is away, and new ones are 503 with Retry-After",
  caughtUp: "what happened while PostgreSQL was away is shown",
} as const;

/** What the machine's other work may take beside the product. */
const SLACK_MS = 4_000;
const WHOLE_WITHIN_MS = 5_000;
const CRASHED_MS = 15_000;

/** A reply under way that readers at every gateway are shown. */
async function givenShown({ load, live, world }: Trial) {
  const of = speakForN8n(world.n8n);
  const [visitor] = await load.open(1);
  if (visitor === undefined) throw new Error("no session");
  const readers = [...world.gateways, ...world.gateways].map(() => live.follow(visitor));
  await untilLive(readers);
  const { message } = await load.send(visitor);
  const call = await of(message.id);
  call.say("One");
  await untilShown(LIVE_STORE_INVARIANTS.shown, readers, message.id, "One");
  return { visitor, readers, id: message.id, call };
}

/** nats-server dies in the middle of a reply, and comes back: its memory stream is gone, with `wipe` all that it had. */
async function loseNats(trial: Trial, wipe: boolean): Promise<void> {
  const { world, live } = trial;
  const { visitor, readers, id, call } = await givenShown(trial);
  for (const { server } of world.nats) await server.kill();
  call.say(", two");
  if (wipe) for (const node of world.nats) await node.wipe();
  for (const { server } of world.nats) await server.start();
  const upAtMs = Date.now();
  await untilShown(LIVE_STORE_INVARIANTS.whole, readers, id, call.said);
  const tookMs = Date.now() - upAtMs;
  trial.measure(`NATS ${wipe ? "wiped" : "killed"} in mid-reply: text whole at all gateways after ms`, tookMs);
  const late = tookMs > WHOLE_WITHIN_MS + SLACK_MS;
  mustHold(LIVE_STORE_INVARIANTS.whole, late ? [`it took ${tookMs} ms`] : []);
  await together(...world.gateways.map((gateway) => gateway.kill())); // none but the live log knows the text now
  readers.push(live.follow(visitor));
  await untilShown(LIVE_STORE_INVARIANTS.whole, readers, id, call.said);
  call.finish();
}

/** The nodes of a cluster die one after another in the middle of a reply, and come back. */
async function loseEachNode(trial: Trial): Promise<void> {
  const { world, live } = trial;
  const { visitor, readers, id, call } = await givenShown(trial);
  let slowestMs = 0;
  for (const node of world.nats) {
    await node.server.kill();
    const killedAtMs = Date.now();
    call.say(", more");
    await untilShown(LIVE_STORE_INVARIANTS.whole, readers, id, call.said);
    slowestMs = Math.max(slowestMs, Date.now() - killedAtMs);
    readers.push(live.follow(visitor));
    await untilShown(LIVE_STORE_INVARIANTS.whole, readers, id, call.said);
    await node.server.start();
    await untilCaughtUp(node);
  }
  trial.measure("cluster node killed in mid-reply: text goes on after ms at most", slowestMs);
  call.finish();
}

/** Messages, and replies that come by callback, at a steady rate. */
async function converse({ load, bot, random }: Trial, seconds: number): Promise<void> {
  for (let count = 0; count < seconds; count += 1) {
    const { sessionId } = random.pick(load.visitors);
    load.unasked.set(sessionId, (load.unasked.get(sessionId) ?? 0) + 1);
    bot.post(`unasked-${sessionId}-${count}`, { sessionId, content: `by the way ${TEXT_CANARY}` });
    await load.send(random.pick(load.visitors));
    await pause(1_000);
  }
}

/** While nothing is announced: every message must be shown all the same, and soon. */
async function withoutNats(trial: Trial, what: string, seconds: number, away: () => Promise<void>): Promise<void> {
  const { load, live, world, measure } = trial;
  await load.open(10);
  await untilLive(live.all);
  await away();
  for (const visitor of load.visitors) live.follow(visitor); // opened while NATS is away
  await untilLive(live.all);
  await converse(trial, seconds);
  const lookMs = Number(world.env["CHAT_QUEUE_INTERVAL_MS"]);
  await pause(lookMs + SLACK_MS); // for what was sent last to be late
  const histories = await Promise.all(load.visitors.map((visitor) => load.history(visitor)));
  const missing = live.all.filter(({ visitor, transcript }) => {
    const history = histories[load.visitors.indexOf(visitor)];
    return transcript.messages.length < (history?.length ?? 0);
  });
  const lagsMs = live.all.slice(0, load.visitors.length).flatMap((reader) => reader.lagsMs);
  measure(`NATS ${what}: a message shown after ms at most`, Math.max(...lagsMs));
  mustHold(LIVE_STORE_INVARIANTS.looked, [
    ...missing.map(({ visitor }) => `${visitor.sessionId} is not shown all`),
    ...lagsMs.filter((ms) => ms > lookMs + SLACK_MS).map((ms) => `one was shown after ${ms} ms`),
  ]);
}

async function mustRefuse({ world }: Trial, visitor: Visitor): Promise<void> {
  const [gateway] = world.gateways;
  const { sessionId, sessionToken: token } = visitor;
  const reader = new LiveReader({ url: gateway?.url ?? "", sessionId, token });
  const status = await reader.answered();
  const isWell = status === 503 && Number(reader.headers["retry-after"]) > 0;
  mustHold(LIVE_STORE_INVARIANTS.stays, isWell ? [] : [`a new one was answered ${status}`]);
}

async function losePostgres(trial: Trial): Promise<void> {
  const { world, load, live, bot, allow } = trial;
  allow({ overlap: true }); // whose lease ends meanwhile may be called again before its call is over
  const { visitor, readers, id, call } = await givenShown(trial);
  world.n8n.answerWith(bot.answer);
  await world.postgres.kill("SIGQUIT");
  const upAtMs = Date.now() + CRASHED_MS;
  call.say(", two");
  await untilShown(LIVE_STORE_INVARIANTS.shown, readers, id, "One, two");
  await mustRefuse(trial, visitor);
  const sending = load.send(visitor);
  await pause(upAtMs - Date.now());
  mustHold(
    LIVE_STORE_INVARIANTS.stays,
    live.all.filter(({ streams, isReady }) => streams !== 1 || !isReady).map(({ streams }) => `${streams} streams`),
  );
  await world.postgres.start();
  call.finish();
  await sending;
  await untilTold(LIVE_STORE_INVARIANTS.caughtUp, readers, 4);
}

const natsKilled = (seconds: number): FaultCase => ({
  name: `nats-server away for ${seconds} s: what happens is shown by a look at PostgreSQL, to new readers too`,
  async run(trial) {
    const { nats } = trial.world;
    const away = () => together(...nats.map(({ server }) => server.kill()));
    await withoutNats(trial, "away", seconds, away);
    await together(...nats.map(({ server }) => server.start()));
  },
});

const natsSilent = (seconds: number): FaultCase => ({
  name: `NATS silent for ${seconds} s: what happens is shown by a look at PostgreSQL, to new readers too`,
  async run(trial) {
    const proxies = trial.world.services.flatMap(({ nats }) => nats);
    const away = async () => {
      for (const proxy of proxies) proxy.blackhole();
    };
    await withoutNats(trial, "silent", seconds, away);
    for (const proxy of proxies) await proxy.pass();
  },
});

/** PostgreSQL or NATS away under streams. */
export const LIVE_STORE_CASES: FaultCase[] = [
  {
    name: "nats-server killed in the middle of a reply: its text goes on, whole, when it is back, and the reply comes once",
    run: (trial) => loseNats(trial, false),
  },
  {
    name: "the store of NATS wiped in the middle of a reply: its text goes on, whole, and the reply comes once",
    run: (trial) => loseNats(trial, true),
  },
  natsKilled(30),
  natsSilent(12),
  {
    name: "PostgreSQL crashed and away for 15 s under streams: they stay open, text goes on, and they catch up",
    run: losePostgres,
  },
];

/** For a cluster of three. */
export const LIVE_CLUSTER_CASES: FaultCase[] = [
  {
    name: "each node killed in turn in the middle of a reply: its text goes on, whole, and the reply comes once",
    run: loseEachNode,
  },
];
