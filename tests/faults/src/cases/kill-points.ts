import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf } from "../rig/bot.ts";
import { mustBeCalled } from "../rig/called-times.ts";
import { postCallback, taken } from "../rig/callback-client.ts";
import { untilAllIsDone } from "../rig/delivery-watch.ts";
import { KILL_POINTS, type KillPoint } from "../rig/edits.ts";
import { untilStatus } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { mustPublishOnce } from "../rig/published-once.ts";
import { sendInOrder } from "../rig/send-in-order.ts";
import type { ServiceName } from "@chat-relay/testkit/service-process";
import { mustHold } from "../rig/violation.ts";

/** Where the services of this theme's world can be told to die. */
export const DEADLY_POINTS = (Object.keys(KILL_POINTS) as KillPoint[]).filter((point) => !point.includes("held still"));

const ANSWERED: KillPoint = "dispatcher: n8n has answered, not yet settled";

/** Arms the point, does what leads there, and sees that one of that kind died. */
async function killAt(trial: Trial, point: KillPoint, kind: ServiceName, act: () => Promise<unknown>): Promise<void> {
  const { services } = trial.world;
  const before = new Map(services.map(({ name, kills }) => [name, kills]));
  await Promise.all([trial.world.armKill(point), act()]);
  const victim = await waitFor("a death", () => services.find(({ name, kills }) => kills > (before.get(name) ?? 0)));
  mustHold(`${point}: who dies is a ${kind}`, victim.kind === kind ? [] : [`it was ${victim.name}`]);
}

/** A session whose one message was taken by n8n and waits for its callback. */
async function givenDelivered(trial: Trial) {
  const { load, world, bot, calls } = trial;
  const [visitor] = await load.open(1);
  if (visitor === undefined) throw new Error("no session");
  world.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
  const { message } = await load.send(visitor);
  await untilStatus(world, message.id, "delivered");
  world.n8n.answerWith(bot.answer);
  const call = await waitFor("the call", () => calls[0]);
  return { visitor, message, call };
}

/** A process dies right there; needs a world with `DEADLY_POINTS`. */
export const KILL_POINT_CASES: FaultCase[] = [
  {
    name: "a dispatcher killed between claim and call: n8n sees one call, and the attempt counts",
    async run(trial) {
      await killAt(trial, "dispatcher: claimed, not yet called", "dispatcher", () => sendInOrder(trial, 1));
      await untilAllIsDone(trial);
      mustBeCalled(trial, 1);
      const attempt = String(trial.calls[0]?.headers["chat-attempt"]);
      mustHold("an attempt is counted before its call", attempt === "2" ? [] : [`the call was attempt ${attempt}`]);
    },
  },
  {
    name: "a dispatcher killed between n8n's answer and the commit: called again, replied to once",
    async run(trial) {
      trial.world.n8n.answerWith(() => ({ body: { output: `in the response ${TEXT_CANARY}` } }));
      await killAt(trial, ANSWERED, "dispatcher", () => sendInOrder(trial, 1));
      await untilAllIsDone(trial);
      mustBeCalled(trial, 2);
    },
  },
  {
    name: "the same, and the reply comes by callback meanwhile: not called again",
    async run(trial) {
      const { world, bot, calls } = trial;
      world.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
      await killAt(trial, ANSWERED, "dispatcher", () => sendInOrder(trial, 1));
      bot.callBack(await waitFor("the call", () => calls[0]), `late ${TEXT_CANARY}`);
      await untilAllIsDone(trial);
      mustBeCalled(trial, 1);
    },
  },
  {
    name: "a dispatcher killed between commit and acknowledgement: nothing is called again, and the next message goes out",
    async run(trial) {
      await killAt(trial, "dispatcher: settled, token not yet acknowledged", "dispatcher", () => sendInOrder(trial, 2));
      await untilAllIsDone(trial); // also until the token that came back is acknowledged
      mustBeCalled(trial, 1);
    },
  },
  {
    name: "a gateway killed after its publish: the message is called once",
    async run(trial) {
      await mustPublishOnce(trial, async () => {
        await killAt(trial, "any: published, not yet marked", "gateway", () => sendInOrder(trial, 1));
      });
      mustBeCalled(trial, 1);
    },
  },
  {
    name: "a dispatcher killed after it has announced the session's next message: that one is called once",
    async run(trial) {
      const { world, calls } = trial;
      const gate = Promise.withResolvers<void>();
      world.n8n.answerWith(async () => {
        await gate.promise;
        return { body: { output: `in the response ${TEXT_CANARY}` } }; // a callback's reply would be a receiver's
      });
      await mustPublishOnce(trial, async () => {
        await sendInOrder(trial, 2);
        await waitFor("the call", () => calls[0]);
        await killAt(trial, "any: published, not yet marked", "dispatcher", async () => gate.resolve());
      });
      mustBeCalled(trial, 1);
    },
  },
  {
    name: "a receiver killed after it has published a reply: the reply is published once",
    async run(trial) {
      await mustPublishOnce(trial, async () => {
        const { call } = await givenDelivered(trial);
        await killAt(trial, "any: published, not yet marked", "receiver", async () =>
          trial.bot.callBack(call, `late ${TEXT_CANARY}`, 1),
        );
      });
    },
  },
  {
    name: "a gateway killed between commit and answer: the client's repeat gets the same message",
    async run(trial) {
      const { load } = trial;
      await killAt(trial, "gateway: message committed, not yet answered", "gateway", () => sendInOrder(trial, 2));
      const repeated = load.answers.get("200") ?? 0;
      mustHold("a repeat is answered as one", repeated === 1 ? [] : [`${repeated} sends were answered 200`]);
      await untilAllIsDone(trial);
      mustBeCalled(trial, 1);
    },
  },
  {
    name: "a receiver killed between commit and answer: the repeated callback is told the same reply",
    async run(trial) {
      const { world, load } = trial;
      const { visitor, message, call } = await givenDelivered(trial);
      const [first, second] = world.receivers;
      if (first === undefined || second === undefined) return;
      const body = { sessionId: visitor.sessionId, replyTo: messageIdOf(call), content: `late ${TEXT_CANARY}` };
      const callback = { id: `reply-${message.id}`, body };
      await killAt(trial, "receiver: reply committed, not yet answered", "receiver", () =>
        postCallback(first, callback),
      );
      const again = taken(await postCallback(second, callback));
      const shown = (await load.history(visitor)).filter(({ replyTo }) => replyTo === message.id);
      const same = again.duplicate && shown.length === 1 && shown[0]?.id === again.messageId;
      mustHold("a repeated callback is told of its first", same ? [] : [JSON.stringify({ again, shown })]);
    },
  },
  {
    name: "under load, two deaths at every point",
    async run(trial) {
      const { load, world } = trial;
      await load.open(30);
      const deaths = async () => {
        for (const point of DEADLY_POINTS) await world.armKill(point, 2);
      };
      await meanwhile(deaths(), () => load.steady(25, 25));
    },
  },
];
