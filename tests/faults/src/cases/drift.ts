import { setTimeout as pause } from "node:timers/promises";
import { STREAM_NAME } from "@chat-relay/core/events";
import { CONSUMER_NAME } from "@chat-relay/bus/provision";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { byHand } from "../rig/bus-by-hand.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { messageIdOf } from "../rig/bot.ts";
import { runMigrate, startRefused, type Refusal } from "../rig/run-product.ts";
import { natsOfVersion, natsWithoutJetStream, type UnfitNats } from "../rig/unfit-nats.ts";
import { mustHold } from "../rig/violation.ts";

/** What must hold when somebody changes the bus by hand, by the names that reports use. */
export const DRIFT_INVARIANTS = {
  refused: "a service that cannot be served ends with exit code 78 and says why",
  mended: "the migrate step mends the settings",
  healed: "what was destroyed is made again soon",
  kept: "what was under way is delivered all the same",
} as const;

const HEALED_WITHIN_MS = 15_000;
const KEPT_WITHIN_MS = 30_000;
const NANOS = 1_000_000;
const KINDS = ["gateway", "dispatcher", "receiver"] as const;

/** All kinds of service are refused with the line, and with an exit code that says that a restart cannot help. */
function checkRefusals(refusals: readonly Refusal[], line: RegExp): void {
  mustHold(
    DRIFT_INVARIANTS.refused,
    refusals.flatMap(({ kind, end, output }) => [
      ...(end === 78 ? [] : [`${kind} ended with ${end}`]),
      ...(line.test(output) ? [] : [`${kind} does not say ${line}: ${output.slice(-500)}`]),
    ]),
  );
}

function startAll({ world }: Trial, env?: Record<string, string>): Promise<Refusal[]> {
  return Promise.all(KINDS.map((kind) => startRefused(world, kind, env === undefined ? {} : { env })));
}

/** Services that run go on with settings that were changed by hand; none starts with them before the migrate step. */
async function checkDrift(trial: Trial, change: { ack_wait: number } | { max_ack_pending: number }): Promise<void> {
  const { load, world } = trial;
  await load.open(10);
  await byHand(world, (manager) => manager.consumers.update(STREAM_NAME, CONSUMER_NAME, change));
  await load.steady(40, 40);
  const [field] = Object.keys(change);
  checkRefusals(await startAll(trial), new RegExp(`consumer dispatcher: ${field} is \\d+, wanted \\d+.*chat:migrate`));
  const { code, output } = await runMigrate(world);
  mustHold(DRIFT_INVARIANTS.mended, code === 0 ? [] : [`exit code ${code}: ${output}`]);
  await world.dispatchers[0]?.stop();
  await world.dispatchers[0]?.start();
  await load.steady(20, 40);
}

/** Calls under way, tokens handed out, tokens that wait their turn, messages behind others: something of each. */
async function underWay({ load, world, bot, random }: Trial): Promise<void> {
  world.n8n.answerWith(async (call) => {
    await pause(random.int(1_000));
    return bot.answer(call);
  });
  await load.open(30);
  await load.steady(30, 60);
  for (const dispatcher of world.dispatchers) dispatcher.pause();
  // Else what is sent now would be on its way to them, and nothing would wait in the stream.
  await waitFor("their fetches to run out", () =>
    byHand(world, async (manager) => (await manager.consumers.info(STREAM_NAME, CONSUMER_NAME)).num_waiting === 0),
  );
  await load.steady(60, 120);
}

type Destroy = Parameters<typeof byHand<unknown>>[1];

const deleteConsumer: Destroy = (manager) => manager.consumers.delete(STREAM_NAME, CONSUMER_NAME);
const deleteStream: Destroy = (manager) => manager.streams.delete(STREAM_NAME);
const purgeStream: Destroy = (manager) => manager.streams.purge(STREAM_NAME);

/** Messages that were not called within the time. */
async function uncalled({ calls }: Trial, messageIds: readonly string[], withinMs: number): Promise<string[]> {
  const left = () => {
    const called = new Set(calls.map(messageIdOf));
    return messageIds.filter((id) => !called.has(id));
  };
  await waitFor("the calls", () => left().length === 0, withinMs).catch(() => undefined); // the caller tells what is left
  return left();
}

/** Destroys something under load and measures how long a visitor who comes just then waits, and those who waited before. */
async function destroyUnderLoad(trial: Trial, what: string, destroy: Destroy): Promise<void> {
  const { load, world, measure } = trial;
  await underWay(trial);
  const before = load.accepted.map(({ message }) => message.id);
  await byHand(world, destroy);
  const sinceMs = performance.now();
  for (const dispatcher of world.dispatchers) dispatcher.resume();
  const [visitor] = await load.open(1);
  if (visitor === undefined) throw new Error("no session");
  const { message } = await load.send(visitor);
  mustHold(DRIFT_INVARIANTS.healed, await uncalled(trial, [message.id], HEALED_WITHIN_MS));
  measure(`${what}: a new message is delivered after ms`, performance.now() - sinceMs);
  mustHold(DRIFT_INVARIANTS.kept, await uncalled(trial, before, KEPT_WITHIN_MS));
  measure(`${what}: all that waited are delivered after ms`, performance.now() - sinceMs);
}

async function refusedBy(trial: Trial, nats: UnfitNats, line: RegExp): Promise<void> {
  checkRefusals(await startAll(trial, { NATS_URL: nats.url }), line);
}

/** Settings and contents of the bus that somebody has changed by hand. */
export const DRIFT_CASES: FaultCase[] = [
  {
    name: "ack_wait changed by hand: services go on, and start again only after the migrate step",
    run: (trial) => checkDrift(trial, { ack_wait: 4_000 * NANOS }),
  },
  {
    name: "max_ack_pending changed by hand: services go on, and start again only after the migrate step",
    run: (trial) => checkDrift(trial, { max_ack_pending: 1_000 }),
  },
  {
    name: "the consumer deleted while services run: it is made again, and nothing is lost",
    run: (trial) => destroyUnderLoad(trial, "consumer deleted", deleteConsumer),
  },
  {
    name: "the stream deleted while services run: it is made again, and nothing is lost",
    run: (trial) => destroyUnderLoad(trial, "stream deleted", deleteStream),
  },
  {
    name: "the stream purged while services run: nothing is lost",
    run: (trial) => destroyUnderLoad(trial, "stream purged", purgeStream),
  },
  {
    name: "the stream deleted while all services are down: they make it again as they start",
    async run(trial) {
      const { load, world, bot } = trial;
      await load.open(20);
      for (const dispatcher of world.dispatchers) await dispatcher.stop();
      await load.steady(60, 60);
      await bot.settled();
      await Promise.all([...world.gateways, ...world.receivers].map((service) => service.stop()));
      await byHand(world, deleteStream);
      await Promise.all(world.services.map((service) => service.start()));
    },
  },
  {
    name: "a nats-server without JetStream is refused",
    async run(trial) {
      await using nats = await natsWithoutJetStream();
      await refusedBy(trial, nats, /the NATS server at .* has no JetStream/);
    },
  },
  {
    name: "a nats-server that is too old is refused",
    async run(trial) {
      await using nats = await natsOfVersion("2.11.9");
      await refusedBy(
        trial,
        nats,
        /the NATS server at .* \(version 2\.11\.9\) is too old: chat-relay needs 2\.12 or newer/,
      );
    },
  },
];
