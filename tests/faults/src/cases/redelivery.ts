import { waitFor } from "@chat-relay/testkit/wait-for";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { mustHold } from "../rig/violation.ts";

/** What redelivery is for, by the name that reports and controls use. */
export const REDELIVERED = "a token whose dispatcher dies comes back";

async function killTheCaller({ world, calls }: Trial, index: number): Promise<void> {
  const call = await waitFor("the call", () => calls[index]).catch(() => undefined);
  if (call === undefined) return mustHold(REDELIVERED, [`call ${index + 1} never came`]);
  await world.dispatchers.find(({ name }) => call.path.endsWith(name))?.kill();
}

/** For a world whose sweep looks so seldom that it never helps. */
export const REDELIVERY_CASES: FaultCase[] = [
  {
    name: "the sweep asleep: redelivery alone brings back what killed dispatchers held",
    async run(trial) {
      const { world, load, bot } = trial;
      const visitors = await load.open(3);
      world.n8n.answerWith(() => undefined); // hangs
      for (const visitor of visitors) await load.send(visitor);
      for (let index = 0; index < visitors.length; index += 1) await killTheCaller(trial, index);
      world.n8n.answerWith(bot.answer);
    },
  },
  {
    name: "the sweep asleep: refused messages come back by their delay",
    async run({ world, load, bot }) {
      const refused = new Set<string>();
      world.n8n.answerWith((call) => {
        const id = String(call.headers["webhook-id"]);
        if (refused.has(id)) return bot.answer(call);
        refused.add(id);
        return { status: 500, body: "not now" };
      });
      await load.open(10);
      await load.steady(40, 40);
    },
  },
];
