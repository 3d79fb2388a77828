import type { Responder } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf } from "../rig/bot.ts";
import { THROWS } from "../rig/bug-edits.ts";
import { deliveryOf, untilStatus } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { waitsMeanwhile } from "../rig/healthy-waits.ts";
import type { Expected, Visitor } from "../rig/load.ts";
import { playing, playScripts } from "../rig/n8n-script.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { together } from "../rig/together.ts";
import { mustHold } from "../rig/violation.ts";

const FAILED: Expected = { status: "failed", replies: 0 };
/**
 * A healthy session's message reaches n8n within so many lease times, unless it was in the hands of more than one that was
 * killed. Behind the poison it would wait for all of its attempts.
 */
const HEALTHY_LEASES = 2;
/** Where nobody is killed. */
const HEALTHY_MS = 2_000;

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
    const { load, measure } = trial;
    playScripts(trial, {
      "kills its caller": killsItsCaller(trial),
      "always 500": () => ({ status: 500, body: "no" }),
    });
    const [poisoned, refused, ...healthy] = await load.open(22);
    if (poisoned === undefined || refused === undefined) throw new Error("too few sessions");
    const spent = untilBothSpent(trial, poisoned, refused);
    const waits = (await waitsMeanwhile(trial, healthy, spent)).toSorted((a, b) => a - b);
    const p90 = waits[Math.floor(waits.length * 0.9)] ?? 0;
    measure("poison: wait of healthy sessions p90 ms", p90);
    measure("poison: longest wait of a healthy session ms", waits.at(-1) ?? 0);
    const mostMs = HEALTHY_LEASES * Number(trial.world.env["CHAT_ACK_WAIT_MS"]);
    mustHold("poison holds up no other session", p90 > mostMs ? [`one in ten waited ${p90} ms`] : []);
  },
};

/** A message that meets a bug of the dispatcher's own, and one behind it that must be answered. */
async function throwUntilSpent(trial: Trial, visitor: Visitor, words: string, calledTimes: number): Promise<void> {
  const { world, load, calls, measure } = trial;
  const most = Number(world.env["CHAT_QUEUE_MAX_ATTEMPTS"]);
  const content = `${words} ${TEXT_CANARY}`;
  const { message } = await load.send(visitor, { ...playing("answers"), content, expected: FAILED });
  const behind = await load.send(visitor);
  await untilSpent(trial, message.id, most);
  measure(`a handler that ${words}: failed after ms`, Date.now() - Date.parse(message.createdAt));
  await untilStatus(world, behind.message.id, "answered");
  await checkSpent(trial, visitor, message.id, most);
  const { attempts } = await deliveryOf(world, message.id);
  const unknown = attempts.filter(({ error }) => !error?.startsWith("the dispatcher failed at this message"));
  mustHold(
    "an attempt at which the dispatcher itself fails is settled, and says so",
    unknown.map(({ error }) => error ?? ""),
  );
  const called = calls.filter((call) => messageIdOf(call) === message.id).length;
  const right = called === calledTimes;
  mustHold(`a handler that ${words} has called as often as it got so far`, right ? [] : [`${called} times`]);
}

const throwing: FaultCase = {
  name: "a handler that always throws, before the call or at its answer: its message fails after its attempts, and nobody else waits",
  async run(trial) {
    const { world, load, measure } = trial;
    playScripts(trial, { answers: () => ({ body: { output: `what nobody gets to see ${TEXT_CANARY}` } }) });
    const [uncalled, called, ...healthy] = await load.open(22);
    if (uncalled === undefined || called === undefined) throw new Error("too few sessions");
    const most = Number(world.env["CHAT_QUEUE_MAX_ATTEMPTS"]);
    const spent = together(
      throwUntilSpent(trial, uncalled, THROWS.beforeTheCall, 0),
      throwUntilSpent(trial, called, THROWS.atTheAnswer, most),
    );
    const longestMs = Math.max(...(await waitsMeanwhile(trial, healthy, spent)));
    measure("a handler that throws: longest wait of a healthy session ms", longestMs);
    mustHold(
      "a handler that throws holds up no other session",
      longestMs > HEALTHY_MS ? [`one waited ${longestMs} ms`] : [],
    );
  },
};

/** Messages that can never be delivered; for a world whose dispatchers have the bug of `THROWS`. */
export const POISON_CASES: FaultCase[] = [poison, throwing];
