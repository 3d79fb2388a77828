import { setTimeout as pause } from "node:timers/promises";
import { CONSUMER_NAME } from "@chat-relay/bus/provision";
import { STREAM_NAME } from "@chat-relay/core/events";
import { byHand, countTokens } from "../rig/bus-by-hand.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { checkCalledOnce } from "../rig/called-once.ts";
import { untilAllIsDone } from "../rig/delivery-watch.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { mustHold } from "../rig/violation.ts";

/** One call in ten outlasts ack_wait. */
function answerUnevenly({ world, bot, random }: Trial): void {
  world.n8n.answerWith(async (call) => {
    await pause(random.int(10) === 0 ? 4_000 + random.int(1_000) : random.int(300));
    return bot.answer(call);
  });
}

/** Cuts a random service off from NATS for a moment, at times for so long that its tokens are handed to others. */
async function flap({ world, random }: Trial): Promise<void> {
  const proxies = random.pick([...world.gateways, ...world.dispatchers]).nats;
  for (const proxy of proxies) await proxy.refuse();
  await pause(random.int(4) === 0 ? 3_500 : 100 + random.int(500));
  for (const proxy of proxies) await proxy.pass();
  await pause(random.int(300));
}

/** For a world in which three dispatchers sweep every 100 ms. */
export const SWEEP_CASES: FaultCase[] = [
  {
    name: "three sweeps every 100 ms while NATS comes and goes: each message is called once, in order",
    async run(trial) {
      const { load, world, calls, measure } = trial;
      answerUnevenly(trial);
      await load.open(40);
      await meanwhile(load.steady(500, 25), () => flap(trial));
      await world.heal();
      await untilAllIsDone(trial);
      const tokens = await countTokens(world, load);
      measure("sweeps overlap: tokens beyond one a message", tokens - load.accepted.length);
      checkCalledOnce(calls);
    },
  },
];

/** 4,000 characters of four bytes each, or nearly. */
const LARGE = TEXT_CANARY + "\u{1F418}".repeat(3_900);

/** For a world whose stream is as small as can be. */
export const FULL_STREAM_CASES: FaultCase[] = [
  {
    name: "the stream is full and drops work tokens that nobody has had: the sweep finds their messages",
    async run({ load, world, measure }) {
      await load.open(120);
      await Promise.all(world.dispatchers.map((dispatcher) => dispatcher.stop()));
      for (const visitor of load.visitors) await load.send(visitor, { content: LARGE });
      const { state, consumer } = await byHand(world, async (manager) => ({
        state: (await manager.streams.info(STREAM_NAME)).state,
        consumer: await manager.consumers.info(STREAM_NAME, CONSUMER_NAME),
      }));
      const dropped = state.first_seq - 1 - consumer.delivered.stream_seq;
      measure("full stream: tokens dropped before anybody had them", dropped);
      mustHold("the stream has dropped tokens", dropped > 0 ? [] : [`it begins at ${state.first_seq}`]);
      await Promise.all(world.dispatchers.map((dispatcher) => dispatcher.start()));
    },
  },
];
