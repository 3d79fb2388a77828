import type { Responder } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf } from "../rig/bot.ts";
import { deliveryOf, untilStatus } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { waitsMs } from "../rig/figures.ts";
import type { Accepted, Expected, Visitor } from "../rig/load.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { playing, playScripts } from "../rig/n8n-script.ts";
import { mustHold } from "../rig/violation.ts";

const FAILED: Expected = { status: "failed", replies: 0 };
/**
 * A healthy session's message reaches n8n within so many lease times, unless it was in the hands of more than one that was
 * killed. Behind the poison it would wait for all of its attempts.
 */
const HEALTHY_LEASES = 2;
const EVERY_MS = 50;

/** The process that made the call dies of it. */
function killsItsCaller({ world }: Trial): Responder {
  return async (call) => {
    await world.dispatchers.find(({ name }) => call.path.endsWith(name))?.kill();
  };
}

const INVARIANT = "a message that can never be delivered ends after its attempts, dead dispatchers included";

/** Waits until it has failed, or was called more often than it may be: less often when the other one's kills cost it a claim. */
async function untilSpent({ world, calls }: Trial, id: string, most: number): Promise<void> {
  const called = () => calls.filter((call) => messageIdOf(call) === id).length;
  const check = async () => called() > most || (await deliveryOf(world, id)).status === "failed";
  await waitFor(`${id} to fail`, check, 60_000);
  mustHold(INVARIANT, called() <= most ? [] : [`${id} was called ${called()} times, and ${most} are allowed`]);
}

async function checkSpent({ world, load }: Trial, visitor: Visitor, id: string, most: number): Promise<void> {
  const { attempts } = await deliveryOf(world, id);
  const outcomes = attempts.map(({ outcome }) => outcome);
  const wanted = [...Array.from({ length: most - 1 }, () => "retry"), "failed"];
  mustHold(INVARIANT, outcomes.join() === wanted.join() ? [] : [`${id} has the attempts ${outcomes.join()}`]);
  const shown = (await load.history(visitor)).find((message) => message.id === id);
  mustHold(
    "its visitor sees that it failed",
    shown?.status === "failed" ? [] : [`${id} is shown as ${shown?.status ?? "nothing"}`],
  );
}

/** A message that plays the script, and one behind it that must be answered. */
async function sendPoison({ load }: Trial, visitor: Visitor, script: string) {
  const { message } = await load.send(visitor, { ...playing(script), expected: FAILED });
  return { id: message.id, behind: (await load.send(visitor)).message.id };
}

async function untilBothSpent(trial: Trial, poisoned: Visitor, refused: Visitor): Promise<void> {
  const { world } = trial;
  const most = Number(world.env["CHAT_QUEUE_MAX_ATTEMPTS"]);
  const killing = await sendPoison(trial, poisoned, "kills its caller");
  const failing = await sendPoison(trial, refused, "always 500");
  await Promise.all([untilSpent(trial, killing.id, most), untilSpent(trial, failing.id, most)]);
  await untilStatus(world, killing.behind, "answered");
  await untilStatus(world, failing.behind, "answered");
  await checkSpent(trial, poisoned, killing.id, most);
  await checkSpent(trial, refused, failing.id, most);
}

const poison: FaultCase = {
  name: "poison: a message that kills every dispatcher, and one that is always refused, fail after their attempts",
  async run(trial) {
    const { load, random, measure, calls } = trial;
    playScripts(trial, {
      "kills its caller": killsItsCaller(trial),
      "always 500": () => ({ status: 500, body: "no" }),
    });
    const [poisoned, refused, ...healthy] = await load.open(22);
    if (poisoned === undefined || refused === undefined) throw new Error("too few sessions");
    const sent: Accepted[] = [];
    await meanwhile(untilBothSpent(trial, poisoned, refused), async () => {
      sent.push(await load.send(random.pick(healthy)));
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    });
    await Promise.all(sent.map(({ message }) => untilStatus(trial.world, message.id, "answered")));
    const waits = waitsMs(calls, sent).toSorted((a, b) => a - b);
    const p90 = waits[Math.floor(waits.length * 0.9)] ?? 0;
    measure("poison: wait of healthy sessions p90 ms", p90);
    measure("poison: longest wait of a healthy session ms", waits.at(-1) ?? 0);
    const mostMs = HEALTHY_LEASES * Number(trial.world.env["CHAT_ACK_WAIT_MS"]);
    mustHold("poison holds up no other session", p90 > mostMs ? [`one in ten waited ${p90} ms`] : []);
  },
};

/** Messages that can never be delivered. */
export const POISON_CASES: FaultCase[] = [poison];
