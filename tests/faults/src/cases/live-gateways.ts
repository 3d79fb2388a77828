import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { Balancer } from "../rig/balancer.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { acceptP99Ms } from "../rig/figures.ts";
import type { LiveVisitor } from "../rig/live-visitor.ts";
import { untilLive, untilShown, untilTold } from "../rig/live-waits.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { PRODUCT_ENV } from "../rig/product-env.ts";
import { refusals } from "../rig/refusals.ts";
import { readMetric } from "../rig/service-metrics.ts";
import { speakForN8n, type SpokenCall } from "../rig/spoken-call.ts";
import type { SupervisedService } from "../rig/supervised-service.ts";
import { mustHold } from "../rig/violation.ts";

/** What must hold while gateways come and go, by the names that reports and controls use. */
const GATEWAY_INVARIANTS = {
  accepted: "sends are accepted while a gateway dies under its streams",
  stopped: "open streams do not hold up the end of a gateway",
  shown: "text is shown as it comes",
  looked: "a gateway that hears nothing from NATS shows what it finds in PostgreSQL",
  heard: "a gateway that does not reach PostgreSQL shows what it hears, and catches up",
} as const;

const SESSIONS = 60;
const READERS_EACH = 5;
const ACCEPT_P99_MS = 10_000;
const STOPPED_WITHIN_MS = Number(PRODUCT_ENV["CHAT_SHUTDOWN_GRACE_MS"]) + 2_000;

/** Readers of many sessions, half of them at each of two gateways. */
async function givenManyReaders({ load, live }: Trial): Promise<void> {
  const visitors = await load.open(SESSIONS);
  while (live.all.length < SESSIONS * READERS_EACH)
    for (const visitor of visitors) if (live.all.length < SESSIONS * READERS_EACH) live.follow(visitor);
  await untilLive(live.all);
}

/** Does it to each of the gateways in turn; returns the longest time until its readers had streams again. */
async function toEachGateway(
  { world, live }: Trial,
  act: (gateway: SupervisedService) => Promise<void>,
): Promise<number> {
  let longestMs = 0;
  for (const gateway of world.gateways) {
    const startedAtMs = Date.now();
    await act(gateway);
    await pause(100); // for the last of them to notice
    await untilLive(live.all, 60_000);
    longestMs = Math.max(longestMs, ...live.all.map(({ readyAtMs }) => readyAtMs - startedAtMs));
    await gateway.ready();
  }
  return longestMs;
}

function mustAccept({ load, measure }: Trial, what: string): void {
  const p99Ms = acceptP99Ms(load.accepted);
  measure(`${what}: accept p99 ms`, p99Ms);
  mustHold(GATEWAY_INVARIANTS.accepted, [
    ...refusals(load).map((what) => `one was answered ${what}`),
    ...(p99Ms > ACCEPT_P99_MS ? [`p99 is ${Math.round(p99Ms)} ms`] : []),
  ]);
}

async function kill(trial: Trial): Promise<void> {
  const { world, load, live, bot, random, measure } = trial;
  bot.falters = true;
  using gateways = new Balancer(world.gateways, random);
  load.route(gateways.pick);
  await givenManyReaders(trial);
  const killing = toEachGateway(trial, (gateway) => gateway.kill());
  await meanwhile(killing, () => load.steady(15, 15));
  measure("gateway killed under 150 streams: all are back after ms", await killing);
  measure(
    "gateway killed: streams of 300 readers",
    live.all.reduce((sum, { streams }) => sum + streams, 0),
  );
  mustAccept(trial, "gateway killed");
}

async function stop(trial: Trial): Promise<void> {
  const { world, load, random, measure } = trial;
  using gateways = new Balancer(world.gateways, random);
  load.route(gateways.pick);
  await givenManyReaders(trial);
  const tookMs: number[] = [];
  const stopping = toEachGateway(trial, async (gateway) => {
    const startedAtMs = Date.now();
    const code = await gateway.stop("SIGTERM");
    tookMs.push(Date.now() - startedAtMs);
    mustHold("SIGTERM ends a service with exit code 0", code === 0 ? [] : [`${gateway.name} ended with ${code}`]);
    await gateway.start();
  });
  await meanwhile(stopping, () => load.steady(15, 15));
  measure("gateway stopped under 150 streams: ended after ms", Math.max(...tookMs));
  measure("gateway stopped under 150 streams: all are back after ms", await stopping);
  mustHold(
    GATEWAY_INVARIANTS.stopped,
    tookMs.filter((ms) => ms > STOPPED_WITHIN_MS).map((ms) => `it took ${ms} ms`),
  );
}

/** A reply under way, and its session's readers at one gateway and at the other. */
async function givenReplyAtBoth({ load, live, world }: Trial) {
  const of = speakForN8n(world.n8n);
  const [visitor] = await load.open(1);
  if (visitor === undefined) throw new Error("no session");
  const [cut, whole] = world.gateways.map((gateway) => {
    return { gateway, reader: live.follow(visitor, { pick: () => gateway.url }) };
  });
  if (cut === undefined || whole === undefined) throw new Error("this needs two gateways");
  load.route(() => whole.gateway.url);
  const ask = async () => {
    const { message } = await load.send(visitor);
    return { id: message.id, call: await of(message.id) };
  };
  return { cut, whole, ask, both: [cut.reader, whole.reader] };
}

async function untilBothHear(both: LiveVisitor[], { id, call }: { id: string; call: SpokenCall }) {
  call.say("heard");
  await untilShown(GATEWAY_INVARIANTS.shown, both, id, "heard");
}

async function cutFromNats(trial: Trial): Promise<void> {
  const { cut, whole, ask, both } = await givenReplyAtBoth(trial);
  const first = await ask();
  await untilBothHear(both, first);
  for (const proxy of cut.gateway.nats) await proxy.refuse();
  first.call.say(", and on");
  await untilShown(GATEWAY_INVARIANTS.shown, [whole.reader], first.id, "heard, and on");
  first.call.finish();
  await untilTold(GATEWAY_INVARIANTS.looked, both, 2);
  const second = await ask();
  second.call.say("While it was away");
  await untilTold(GATEWAY_INVARIANTS.looked, both, 3);
  for (const proxy of cut.gateway.nats) await proxy.pass();
  await waitFor("NATS", async () => (await readMetric(cut.gateway, "chat_bus_connected")) === 1);
  second.call.say(", and since");
  await untilShown(GATEWAY_INVARIANTS.shown, both, second.id, "While it was away, and since");
  second.call.finish();
}

async function cutFromPostgres(trial: Trial): Promise<void> {
  const { cut, ask, both } = await givenReplyAtBoth(trial);
  const first = await ask();
  await untilBothHear(both, first);
  await cut.gateway.postgres.refuse();
  first.call.say(", and on");
  await untilShown(GATEWAY_INVARIANTS.heard, both, first.id, "heard, and on");
  first.call.finish();
  await untilTold(GATEWAY_INVARIANTS.heard, both, 2);
  await cut.gateway.postgres.pass();
  const second = await ask();
  await untilBothHear(both, second);
  second.call.finish();
}

/** Gateways that die, end, or are cut off under their streams. */
export const LIVE_GATEWAY_CASES: FaultCase[] = [
  {
    name: "a gateway killed under half of 300 streams, and then the other: all go on elsewhere, and sends are accepted",
    run: kill,
  },
  {
    name: "gateways ended in order under their streams: closed without an end, all go on elsewhere",
    run: stop,
  },
  {
    name: "a gateway cut off from NATS in the middle of a reply: its readers get what PostgreSQL has, and all of the text when it is back",
    run: cutFromNats,
  },
  {
    name: "a gateway cut off from PostgreSQL in the middle of a reply: its readers get what it hears",
    run: cutFromPostgres,
  },
];
