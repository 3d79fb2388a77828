import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { callerOf } from "../rig/delivery-watch.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import type { RestartableServer } from "../rig/restartable-server.ts";
import type { SupervisedService } from "../rig/supervised-service.ts";
import { mustHold } from "../rig/violation.ts";

/** What the machine's other work may take beside the product. */
const SLACK_MS = 2_000;

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

/** For a world that is configured as by default. */
export const DEFAULT_KILL_CASES: FaultCase[] = [
  killedInMidCall(
    "by default, a dispatcher killed in mid-call: the message is called again within ack_wait and a second",
  ),
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
    name: "a random dispatcher killed every second",
    async run(trial) {
      trial.bot.falters = true;
      await trial.load.open(40);
      await meanwhile(trial.load.steady(450, 30), () => killOneEach(trial, 1_000, trial.world.dispatchers));
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
