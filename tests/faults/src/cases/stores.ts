import { setTimeout as pause } from "node:timers/promises";
import { checkCalledOnce } from "../rig/called-once.ts";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { untilAllIsDone } from "../rig/delivery-watch.ts";
import { withoutConnections } from "../rig/connection-hog.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { acceptMs } from "../rig/figures.ts";
import { holdCalls } from "../rig/held-call.ts";
import { untilTerminal } from "../rig/ledger.ts";
import type { Seen, Visitor } from "../rig/load.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { together } from "../rig/together.ts";
import { untilLost } from "../rig/until-lost.ts";
import { mustHold } from "../rig/violation.ts";

/** What the machine's other work may take beside the product. */
const SLACK_MS = 2_000;
const BACK_WITHIN_MS = 5_000;
const REFUSED_WITHIN_MS = 15_000;
const REBUILT_WITHIN_MS = 60_000;
/** More than it took before. */
const ACCEPT_MORE_MS = 250;

function mustAllBeAccepted({ load }: Trial): void {
  const problems = load.seen
    .filter(({ status }) => status < 200 || status > 299)
    .map(({ status }) => `status ${status}`);
  mustHold("sends are accepted while NATS is away", problems);
}

/** Refusals say 503 with Retry-After and come in time. */
function mustRefuseWell(who: string, seen: readonly Seen[]): void {
  const problems = seen.flatMap(({ status, retryAfter, tookMs }) => {
    const accepted = status >= 200 && status < 300;
    const refused = status === 503 && Number(retryAfter) > 0 && tookMs <= REFUSED_WITHIN_MS;
    const shown = `${status} with retry-after ${retryAfter} after ${Math.round(tookMs)} ms`;
    return accepted || refused ? [] : [shown];
  });
  mustHold(`while PostgreSQL is away a ${who} answers nothing but 503 with Retry-After`, problems);
  if (!seen.some(({ status }) => status === 503))
    throw new Error(`no ${who} was asked meanwhile: the case shows nothing`);
}

/** Measures and limits the time until a message is called again. */
async function untilFlowing({ calls, measure }: Trial, what: string, sinceMs: number): Promise<void> {
  const first = await waitFor(
    "the first delivery",
    () => calls.find(({ receivedAtMs }) => receivedAtMs >= sinceMs),
    60_000,
  );
  const tookMs = first.receivedAtMs - sinceMs;
  measure(`${what} back: first delivery after ms`, tookMs);
  const late = tookMs > BACK_WITHIN_MS + SLACK_MS;
  mustHold(`deliveries go on soon after ${what} is back`, late ? [`it took ${tookMs} ms`] : []);
}

/** Unasked replies of workflows, one a second, to random visitors. */
async function callbacks({ load, bot, random }: Trial, seconds: number): Promise<void> {
  for (let count = 0; count < seconds; count += 1) {
    const { sessionId } = random.pick(load.visitors);
    load.unasked.set(sessionId, (load.unasked.get(sessionId) ?? 0) + 1);
    bot.post(`unasked-${sessionId}-${count}`, { sessionId, content: `by the way ${TEXT_CANARY}` });
    await pause(1_000);
  }
}

async function killNats({ world: { nats } }: Trial): Promise<void> {
  for (const { server } of nats) await server.kill();
}

async function startNats({ world: { nats } }: Trial): Promise<void> {
  for (const { server } of nats) await server.start();
}

/** Kills the bus, empties its store, and starts it again; `done` measures until all that was accepted is delivered. */
async function wipeNats(trial: Trial) {
  const { world, load, measure } = trial;
  await killNats(trial);
  for (const node of world.nats) await node.wipe();
  await startNats(trial);
  const backAtMs = Date.now();
  const done = async (what: string) => {
    await untilTerminal(world, load, REBUILT_WITHIN_MS);
    measure(`NATS wiped, ${what}: all delivered after ms`, Date.now() - backAtMs);
  };
  return { done };
}

/** As many messages, one behind the other, in each of so many sessions. */
async function sendToMany({ load }: Trial, sessions: number, messagesEach: number): Promise<void> {
  const inOrder = async (visitor: Visitor) => {
    for (let count = 0; count < messagesEach; count += 1) await load.send(visitor);
  };
  await Promise.all((await load.open(sessions)).map(inOrder));
}

/** PostgreSQL or NATS killed, emptied, or kept from its clients. */
export const STORE_CASES: FaultCase[] = [
  {
    name: "nats-server killed five times under load: every send is accepted, and none is slow",
    calledOnce: true,
    async run(trial) {
      const { load, measure } = trial;
      await load.open(30);
      await load.steady(100, 30);
      const before = load.accepted.length;
      const calmMs = acceptMs(load.accepted, 0.75);
      const kills = async () => {
        for (let count = 0; count < 5; count += 1) {
          await pause(1_000);
          await killNats(trial);
          await pause(1_000);
          await startNats(trial);
        }
      };
      await together(load.steady(400, 30), kills());
      mustAllBeAccepted(trial);
      const killed = load.accepted.slice(before);
      measure("NATS killed: accept p99 ms", acceptMs(killed, 0.99));
      // NATS is away for half of the time: three of four would show it.
      const tookMs = acceptMs(killed, 0.75);
      const slow = tookMs > 5 * calmMs + ACCEPT_MORE_MS;
      mustHold("NATS away does not slow a send down", slow ? [`p75 ${tookMs} ms, ${calmMs} ms before`] : []);
    },
  },
  {
    name: "200 messages queued and the store of NATS wiped: the sweep rebuilds every token",
    async run(trial) {
      const { world, calls } = trial;
      const held = holdCalls(trial);
      await sendToMany(trial, 100, 3); // 96 of them are under way
      const lanes = 32 * world.dispatchers.length;
      await waitFor("every lane to be taken", () => calls.length >= lanes);
      const { done } = await wipeNats(trial);
      held.open();
      await done("calls under way");
    },
  },
  {
    name: "the store of NATS wiped while all dispatchers are held still: the sweep rebuilds every token",
    async run(trial) {
      const { world } = trial;
      for (const dispatcher of world.dispatchers) dispatcher.pause();
      await sendToMany(trial, 200, 1);
      const { done } = await wipeNats(trial);
      for (const dispatcher of world.dispatchers) dispatcher.resume();
      await done("dispatchers held still");
    },
  },
  {
    name: "PostgreSQL crashed and away for 20 s: 503 with Retry-After meanwhile, deliveries soon after",
    async run(trial) {
      const { load, world, bot } = trial;
      await load.open(20);
      const crash = async () => {
        await pause(2_000);
        await world.postgres.kill("SIGQUIT");
        await pause(20_000);
        await world.postgres.start();
        await untilFlowing(trial, "PostgreSQL", Date.now());
      };
      await together(load.steady(75, 3), callbacks(trial, 20), crash());
      await bot.settled();
      mustRefuseWell("gateway", load.seen);
      mustRefuseWell("receiver", bot.seen);
    },
  },
  {
    name: "the answer to a settle's commit lost: nothing is called again, and the reply is shown once",
    async run(trial) {
      const { load, world } = trial;
      await load.open(10);
      const lost = world.dispatchers.map(({ postgres }) => postgres.loseAnswerTo("settle-delivery"));
      await untilLost(lost, () => load.steady(10, 20));
      await untilAllIsDone(trial);
      checkCalledOnce(trial.calls);
    },
  },
  {
    name: "the answer to an accepted message's commit lost: the client's repeat gets the same message",
    calledOnce: true,
    async run(trial) {
      const { load, world } = trial;
      const lost = world.gateways.map(({ postgres }) => postgres.loseAnswerTo("accept-message"));
      // Each from a visitor of its own: in a session that is busy the answer to be lost would not be the commit's.
      await untilLost(lost, async () => {
        for (const visitor of await load.open(5)) await load.send(visitor);
      });
      // Those that shared the commit are refused too, and a repeat may lose the next gateway's commit.
      const refusals = load.answers.get("503") ?? 0;
      const untold = load.sent.filter((sent) => sent.isRepeat !== sent.refusals > 0);
      mustHold("a repeat is answered as one", [
        ...(refusals < lost.length ? [`${refusals} refusals of ${lost.length} lost commits`] : []),
        ...untold.map((sent) => `${sent.message.id}: ${sent.refusals} refusals, told as a repeat: ${sent.isRepeat}`),
      ]);
    },
  },
  {
    name: "the answer to a reply's commit lost: the repeated callback shows nothing twice",
    async run(trial) {
      const { load, world, bot } = trial;
      await load.open(10);
      const lost = world.receivers.map(({ postgres }) => postgres.loseAnswerTo("record-reply"));
      let posted = 0;
      await untilLost(lost, async () => {
        const visitor = trial.random.pick(load.visitors);
        load.unasked.set(visitor.sessionId, (load.unasked.get(visitor.sessionId) ?? 0) + 1);
        bot.post(`unasked-${visitor.sessionId}-${(posted += 1)}`, {
          sessionId: visitor.sessionId,
          content: TEXT_CANARY,
        });
        await bot.settled();
      });
      const refused = bot.callbackAnswers.get(503);
      mustHold("a lost commit is answered 503", refused === lost.length ? [] : [`${refused} refusals`]);
    },
  },
  {
    name: "PostgreSQL silent for 12 s: 503 with Retry-After in time, deliveries soon after",
    async run(trial) {
      const { load, world, bot } = trial;
      await load.open(20);
      const silence = async () => {
        await pause(1_000);
        for (const { postgres } of world.services) postgres.blackhole();
        await pause(12_000);
        for (const { postgres } of world.services) await postgres.pass();
        await untilFlowing(trial, "silent PostgreSQL", Date.now());
      };
      await together(load.steady(80, 5), callbacks(trial, 12), silence());
      await bot.settled();
      mustRefuseWell("gateway", load.seen);
      mustRefuseWell("receiver", bot.seen);
    },
  },
  {
    name: "NATS silent for 20 s: every send is accepted, deliveries soon after",
    async run(trial) {
      const { load, world } = trial;
      const proxies = world.services.flatMap(({ nats }) => nats);
      await load.open(20);
      const silence = async () => {
        await pause(1_000);
        for (const proxy of proxies) proxy.blackhole();
        await pause(20_000);
        for (const proxy of proxies) await proxy.pass();
        await untilFlowing(trial, "silent NATS", Date.now());
      };
      await together(load.steady(240, 10), silence());
      mustAllBeAccepted(trial);
    },
  },
  {
    name: "every connection to PostgreSQL taken by others: 503 with Retry-After meanwhile, deliveries soon after",
    async run(trial) {
      const { load, world, bot } = trial;
      await load.open(20);
      const exhaustion = async () => {
        await withoutConnections(world, async () => {
          await waitFor("a refusal", () => load.seen.some(({ status }) => status === 503));
          await pause(6_000);
        });
        await untilFlowing(trial, "the last connection", Date.now());
      };
      await together(load.steady(60, 3), callbacks(trial, 10), exhaustion());
      await bot.settled();
      mustRefuseWell("gateway", load.seen);
      mustRefuseWell("receiver", bot.seen);
    },
  },
  {
    name: "NATS 300 ms away and connections broken again and again: every send is accepted",
    async run(trial) {
      const { load, world, random } = trial;
      const proxies = world.services.flatMap(({ nats }) => nats);
      await load.open(20);
      for (const proxy of proxies) proxy.slow(300);
      await meanwhile(load.steady(200, 20), async () => {
        await pause(500);
        const proxy = random.pick(proxies);
        proxy.resetAfter(0); // all that is open now
        proxy.slow(300);
      });
      mustAllBeAccepted(trial);
    },
  },
  {
    name: "NATS down for a minute under load: services find back by themselves",
    calledOnce: true,
    async run(trial) {
      const { load } = trial;
      await load.open(30);
      const outage = async () => {
        await pause(1_000);
        await killNats(trial);
        await pause(60_000); // the client's own default gives up for good after 20
        await startNats(trial);
        await untilFlowing(trial, "NATS", Date.now());
      };
      await together(load.steady(640, 10), outage());
      mustAllBeAccepted(trial);
    },
  },
];
