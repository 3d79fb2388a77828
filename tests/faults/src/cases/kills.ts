import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { callerOf } from "../rig/delivery-watch.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import type { RestartableServer } from "../rig/restartable-server.ts";
import type { SupervisedService } from "../rig/supervised-service.ts";
import { together } from "../rig/together.ts";
import { mustHold } from "../rig/violation.ts";

/** What the machine's other work may take beside the product. */
const SLACK_MS = 2_000;
const RESUMED_WITHIN_MS = 30_000;
const MID_CALLS = 20;
/** Of a minute: each waits until its victim is up. */
const LEAST_KILLS = 20;

async function killOneEach(trial: Trial, everyMs: number, kinds: readonly SupervisedService[]): Promise<void> {
  await pause(everyMs);
  const victim = trial.random.pick(kinds);
  await victim.ready(); // on a slow machine it would else be killed before it ever does anything
  await victim.kill();
}

async function killServer(server: RestartableServer): Promise<void> {
  await server.kill("SIGKILL");
  await pause(500);
  await server.start();
}

/** The message whose caller dies is called again by another. The name tells in which configuration. */
function killedInMidCall(name: string): FaultCase {
  return {
    name,
    async run({ load, world, calls, bot, measure }) {
      const [visitor] = await load.open(1);
      if (visitor === undefined) throw new Error("no session");
      world.n8n.answerWith(() => undefined); // hangs
      const { message } = await load.send(visitor);
      const call = await waitFor("the call", () => calls[0]);
      world.n8n.answerWith(bot.answer);
      await callerOf(world, call).kill();
      const killedAtMs = Date.now();
      const again = await waitFor("the next call", () => calls[1], 30_000);
      const tookMs = again.receivedAtMs - killedAtMs;
      const ackWaitMs = Number(world.env["CHAT_ACK_WAIT_MS"]);
      measure(`dispatcher killed: resumed after ms (ack_wait ${ackWaitMs})`, tookMs);
      mustHold("the second attempt is the same message", [
        ...(again.headers["webhook-id"] === message.id ? [] : ["another message was called"]),
        ...(again.headers["chat-attempt"] === "2" ? [] : [`attempt ${String(again.headers["chat-attempt"])}`]),
      ]);
      const late = tookMs > ackWaitMs + 1_000 + SLACK_MS;
      mustHold("work resumes within ack_wait and a second", late ? [`it took ${tookMs} ms`] : []);
    },
  };
}

async function killEverything({ world }: Trial): Promise<void> {
  const servers = [world.postgres, ...world.nats.map(({ server }) => server)];
  await together(...world.services.map((service) => service.kill()), ...servers.map(killServer));
  await world.ready();
}

/** Calls are under way that n8n takes minutes for, and nobody is left who knows of them. */
async function everythingKilled(trial: Trial): Promise<void> {
  const { load, world, calls, bot, measure } = trial;
  world.n8n.answerWith(() => undefined); // hangs
  for (const visitor of await load.open(MID_CALLS)) await load.send(visitor);
  await waitFor("the calls", () => calls.length >= MID_CALLS);
  world.n8n.answerWith(bot.answer);
  await killEverything(trial);
  const backAtMs = Date.now();
  const again = () => new Set(calls.slice(MID_CALLS).map(({ headers }) => headers["webhook-id"]));
  await waitFor("the same calls again", () => again().size >= MID_CALLS, RESUMED_WITHIN_MS + 30_000);
  const tookMs = Date.now() - backAtMs;
  measure("everything killed in mid-call: all is called again after ms", tookMs);
  const late = tookMs > RESUMED_WITHIN_MS + SLACK_MS;
  mustHold("work resumes within 30 s after the last is back", late ? [`it took ${tookMs} ms`] : []);
}

/** For a world that is configured as by default. */
export const DEFAULT_KILL_CASES: FaultCase[] = [
  killedInMidCall(
    "by default, a dispatcher killed in mid-call: the message is called again within ack_wait and a second",
  ),
  {
    name: "everything killed at once in mid-call: all is called again within 30 s, long before the webhook's time is up",
    run: everythingKilled,
  },
];

/** Processes that die at any moment. */
export const KILL_CASES: FaultCase[] = [
  {
    name: "without any fault all goes through",
    calledOnce: true,
    async run({ load }) {
      await load.open(10);
      await load.steady(100, 40);
    },
  },
  {
    name: "a random dispatcher killed every second for a minute",
    async run(trial) {
      const { load, bot, world, measure } = trial;
      bot.falters = true;
      await load.open(40);
      let kills = 0;
      await meanwhile(load.steady(1_800, 30), async () => {
        await killOneEach(trial, 1_000, world.dispatchers);
        kills += 1;
      });
      measure("a dispatcher killed every second: kills in a minute", kills);
      if (kills < LEAST_KILLS) throw new Error(`${kills} kills: the case shows too little`);
    },
  },
  killedInMidCall("a dispatcher killed in mid-call: the message is called again within ack_wait and a second"),
  {
    name: "a random gateway or receiver killed every second",
    calledOnce: true,
    async run(trial) {
      const { load, world } = trial;
      await load.open(40);
      const edges = [...world.gateways, ...world.receivers];
      await meanwhile(load.steady(450, 30), () => killOneEach(trial, 1_000, edges));
    },
  },
  {
    name: "services, nats-server and PostgreSQL killed in any order",
    async run(trial) {
      const { load, world, bot, random } = trial;
      bot.falters = true;
      await load.open(40);
      const servers = [world.postgres, ...world.nats.map(({ server }) => server)];
      await meanwhile(load.steady(400, 20), async () => {
        await killOneEach(trial, 1_500, world.services);
        await killOneEach(trial, 200, world.services);
        await killServer(random.pick(servers));
      });
    },
  },
];
