import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { Balancer } from "../rig/balancer.ts";
import { messageIdOf } from "../rig/bot.ts";
import { callerOf } from "../rig/delivery-watch.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { longestGapMs } from "../rig/figures.ts";
import type { Seen } from "../rig/load.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { mustHold } from "../rig/violation.ts";

const GAP_LIMIT_MS = 2_000;
const FAILURE_SHARE = 0.001;

/** Ends every service in order, one after another, and starts it again. */
async function restartAll({ world }: Trial): Promise<void> {
  for (const service of world.services) {
    const code = await service.stop("SIGTERM");
    mustHold("SIGTERM ends a service with exit code 0", code === 0 ? [] : [`${service.name} ended with ${code}`]);
    await service.start();
  }
}

function mustNotFail(who: string, seen: readonly Seen[]): void {
  const failed = seen.filter(({ status }) => status === 0 || status >= 500);
  const problems = failed.map(({ status }) => (status === 0 ? "no answer" : String(status)));
  const tooMany = failed.length > Math.floor(seen.length * FAILURE_SHARE);
  mustHold(`behind a balancer ${who} see no failures while services restart`, tooMany ? problems : []);
}

/** The longest time from a message's acceptance to its first call. */
function longestWaitMs({ load, calls }: Trial): number {
  const called = new Map(calls.toReversed().map((call) => [messageIdOf(call), call.receivedAtMs]));
  const waits = load.accepted.map(({ message: { id, createdAt } }) => (called.get(id) ?? 0) - Date.parse(createdAt));
  return Math.max(...waits);
}

/** For a world whose times are as by default. */
export const ROLLING_RESTART_CASES: FaultCase[] = [
  {
    name: "every service restarted in turn: no failures behind a balancer, no gap in deliveries",
    async run(trial) {
      const { load, world, bot, random, calls, measure } = trial;
      using gateways = new Balancer(world.gateways, random);
      using receivers = new Balancer(world.receivers, random);
      load.route(gateways.pick);
      bot.route(receivers.pick);
      world.n8n.answerWith(async (call) => {
        await pause(random.int(600)); // so that calls are under way whenever a dispatcher is told to end
        return bot.answer(call);
      });
      await load.open(60);
      const startedAtMs = Date.now();
      await meanwhile(restartAll(trial), () => load.steady(30, 30));
      const gapMs = longestGapMs(calls, startedAtMs);
      await waitFor("all to be called", () => longestWaitMs(trial) >= 0);
      const waitMs = longestWaitMs(trial);
      measure("rolling restart: longest delivery gap ms", gapMs);
      measure("rolling restart: longest wait for the first call ms", waitMs);
      measure(
        "rolling restart: requests without success",
        load.seen.filter(({ status }) => status < 200 || status > 299).length,
      );
      mustNotFail("visitors", load.seen);
      mustNotFail("workflows", bot.seen);
      mustHold("deliveries go on while services restart", gapMs > GAP_LIMIT_MS ? [`a gap of ${gapMs} ms`] : []);
      const ackWaitMs = Number(world.env["CHAT_ACK_WAIT_MS"]);
      mustHold("no message waits out ack_wait", waitMs >= ackWaitMs ? [`one waited ${waitMs} ms`] : []);
    },
  },
  {
    name: "a dispatcher that ends hands back the calls that outlast its grace time",
    async run({ allow, load, world, calls, bot, measure }) {
      allow({ handedBack: true });
      const [visitor] = await load.open(1);
      if (visitor === undefined) throw new Error("no session");
      world.n8n.answerWith(() => undefined); // hangs
      await load.send(visitor);
      const holder = callerOf(world, await waitFor("the call", () => calls[0]));
      world.n8n.answerWith(bot.answer);
      const code = await holder.stop("SIGTERM");
      const endedAtMs = Date.now();
      mustHold("SIGTERM ends a service with exit code 0", code === 0 ? [] : [`${holder.name} ended with ${code}`]);
      const again = await waitFor("the next call", () => calls[1], 30_000);
      const tookMs = again.receivedAtMs - endedAtMs;
      measure("dispatcher ended: handed back call made again after ms", tookMs);
      mustHold("what is handed back waits for no ack_wait", tookMs > GAP_LIMIT_MS ? [`it took ${tookMs} ms`] : []);
      await holder.start();
    },
  },
];
