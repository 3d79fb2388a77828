import { waitFor } from "@chat-relay/testkit/wait-for";
import { callerOf, isHeldStill, settledClaims, untilFenced } from "../rig/delivery-watch.ts";
import { untilStatus } from "../rig/deliveries.ts";
import type { FaultCase } from "../rig/fault-case.ts";
import { untilTerminal } from "../rig/ledger.ts";
import { KILL_POINTS, type KillPoint } from "../rig/edits.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import type { SupervisedService } from "../rig/supervised-service.ts";
import { mustHold } from "../rig/violation.ts";

const DONE_WITHIN_MS = 30_000;

const HELD_STILL: KillPoint = "dispatcher: claimed, held still before the call";

/** Where services can be told to hold still. */
export const HOLD_POINTS = (Object.keys(KILL_POINTS) as KillPoint[]).filter((point) => point.includes("held still"));

/** Dispatchers that are held still for longer than their lease, and go on as if no time had passed. */
export const PAUSE_CASES: FaultCase[] = [
  {
    name: "a dispatcher held still in mid-call, n8n's answer waiting for it: another finishes, and the late settle is fenced",
    async run(trial) {
      const { load, world, calls, bot } = trial;
      const [visitor] = await load.open(1);
      if (visitor === undefined) throw new Error("no session");
      const gate = Promise.withResolvers<void>();
      world.n8n.answerWith(async () => {
        await gate.promise;
        return { body: { output: `from the held call ${TEXT_CANARY}` } };
      });
      await load.send(visitor);
      const holder = callerOf(world, await waitFor("the call", () => calls[0]));
      const before = await settledClaims(holder);
      holder.pause();
      gate.resolve();
      world.n8n.answerWith(bot.answer);
      await load.send(visitor);
      await untilTerminal(world, load, DONE_WITHIN_MS);
      holder.resume();
      await untilFenced(holder, before);
    },
  },
  {
    name: "a dispatcher held still in mid-call while its connection breaks: what another has settled stays settled",
    async run(trial) {
      const { load, world, calls, bot, allow } = trial;
      const [visitor] = await load.open(1);
      if (visitor === undefined) throw new Error("no session");
      allow({ overlap: true });
      world.n8n.answerWith(() => undefined); // hangs
      const first = await load.send(visitor);
      const call = await waitFor("the call", () => calls[0]);
      const holder = callerOf(world, call);
      const before = await settledClaims(holder);
      holder.pause();
      world.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
      const second = await load.send(visitor);
      await untilStatus(world, first.message.id, "delivered");
      await untilStatus(world, second.message.id, "delivered");
      holder.n8n.resetAfter(0);
      await call.ended;
      holder.resume();
      await untilFenced(holder, before);
      for (const replied of [call, await waitFor("the last call", () => calls[2])]) {
        bot.callBack(replied, `late ${TEXT_CANARY}`);
        await bot.settled();
      }
    },
  },
  {
    name: "a dispatcher held still between claim and call: it does not call what another has called meanwhile",
    async run(trial) {
      const { load, world, calls } = trial;
      const [visitor] = await load.open(1);
      if (visitor === undefined) throw new Error("no session");
      const before = new Map<SupervisedService, Map<string, number>>();
      for (const dispatcher of world.dispatchers) before.set(dispatcher, await settledClaims(dispatcher));
      await Promise.all([world.armKill(HELD_STILL), load.send(visitor)]);
      const holder = await waitFor("a dispatcher to hold still", () => world.dispatchers.find(isHeldStill));
      await load.send(visitor);
      await untilTerminal(world, load, DONE_WITHIN_MS);
      holder.resume();
      await untilFenced(holder, before.get(holder) ?? new Map());
      const more = calls.length - load.accepted.length;
      mustHold("a claim that may be another's by now is not called", more === 0 ? [] : [`${more} calls too many`]);
    },
  },
];
