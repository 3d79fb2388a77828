import type { Delivery } from "@chat-relay/database/read-deliveries";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf } from "../rig/bot.ts";
import { deliveryOf } from "../rig/deliveries.ts";
import { callerOf, untilAllIsDone } from "../rig/delivery-watch.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { holdCalls } from "../rig/held-call.ts";
import { attemptOf } from "../rig/n8n-script.ts";
import { mustPublishOnce } from "../rig/published-once.ts";
import { countUnmarked } from "../rig/unmarked-tokens.ts";
import { untilAllLost, untilLost } from "../rig/until-lost.ts";
import { mustHold } from "../rig/violation.ts";
import { withoutDispatchers } from "../rig/without-dispatchers.ts";

/** What the machine's other work may take beside the product. */
const SLACK_MS = 2_000;
/** From the end of a lease until the next claim. */
const CLAIMED_WITHIN_MS = 1_000;
/** What is cut off of times that are told in whole milliseconds. */
const ROUNDED_MS = 1;
const MESSAGES_EACH_TIME = 5;
const LONG_CALLS = 30;
/** They come every third of `CHAT_ACK_WAIT_MS`: so many are well past a lease that nobody renews. */
const RENEWALS = 5;

/** Each message has a session of its own: in one that is busy there is nothing to commit. */
async function sendToNewSessions({ load }: Trial): Promise<void> {
  for (const visitor of await load.open(MESSAGES_EACH_TIME)) await load.send(visitor);
}

/** How long each claim of the message stood before the next one. */
function stoodMs({ attempts }: Delivery): number[] {
  const times = attempts.map(({ startedAt }) => Date.parse(startedAt));
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

/** What is wrong with a message whose claims were lost but for the last. */
function claimProblems(delivery: Delivery, leaseMs: number): string[] {
  const outcomes = delivery.attempts.map(({ outcome }) => outcome).join();
  const wanted = [...delivery.attempts.slice(1).map(() => "retry"), "delivered"].join();
  const isRight = (ms: number) => ms >= leaseMs - ROUNDED_MS && ms <= leaseMs + CLAIMED_WITHIN_MS + SLACK_MS;
  const wrong = stoodMs(delivery).filter((ms) => !isRight(ms));
  return [
    ...(outcomes === wanted ? [] : [`${delivery.messageId} has the attempts ${outcomes}`]),
    ...wrong.map((ms) => `${delivery.messageId} was claimed again after ${ms} ms`),
  ];
}

/** Claims that nobody knew of were counted, and kept others away until their lease had run out. */
async function checkLostClaims({ world, calls, measure }: Trial): Promise<void> {
  const late = calls.filter((call) => attemptOf(call) > 1);
  const counted = late.reduce((sum, call) => sum + attemptOf(call) - 1, 0);
  // Not each of them: one may have been refused, since another lost claim still kept the message.
  mustHold("a claim that was committed counts", counted > 0 ? [] : ["none was counted"]);
  const deliveries = await Promise.all(late.map((call) => deliveryOf(world, messageIdOf(call))));
  measure("claim's answer lost: claimed again after ms at most", Math.max(...deliveries.flatMap(stoodMs)));
  const leaseMs = Number(world.env["CHAT_ACK_WAIT_MS"]);
  mustHold(
    "a lost claim's message is called when the lease has run out",
    deliveries.flatMap((delivery) => claimProblems(delivery, leaseMs)),
  );
}

async function loseClaims(trial: Trial): Promise<void> {
  const lost = trial.world.dispatchers.map(({ postgres }) => postgres.loseAnswerTo("claim-delivery"));
  await untilLost(lost, () => sendToNewSessions(trial));
  await untilAllIsDone(trial);
  await checkLostClaims(trial);
}

/** While nobody claims, which would mark the tokens too. */
async function loseMarks(trial: Trial): Promise<void> {
  const lost = trial.world.gateways.map(({ postgres }) => postgres.loseAnswerTo("outbox-mark-tokens"));
  await untilLost(lost, () => sendToNewSessions(trial));
  await waitFor("every token to be marked", async () => (await countUnmarked(trial)) === 0);
}

async function loseRenewals(trial: Trial): Promise<void> {
  const { load, world, calls } = trial;
  const held = holdCalls(trial);
  for (const visitor of await load.open(LONG_CALLS)) await load.send(visitor);
  const callers = () => new Set(calls.map((call) => callerOf(world, call)));
  await waitFor("calls", () => calls.length === LONG_CALLS && callers().size === world.dispatchers.length);
  for (let renewal = 0; renewal < RENEWALS; renewal += 1)
    await untilAllLost(world.dispatchers.map(({ postgres }) => postgres.loseAnswerTo("renew-leases")));
  held.open();
}

/** PostgreSQL has committed, and who had asked for it is not told. */
export const LOST_ANSWER_CASES: FaultCase[] = [
  {
    name: "the answer to a claim's commit lost: the attempt counts, and its message is called once, when the lease has run out",
    calledOnce: true,
    run: loseClaims,
  },
  {
    name: "the answer to a mark's commit lost: its token is published once, and its message is called once",
    calledOnce: true,
    run: (trial) => mustPublishOnce(trial, () => withoutDispatchers(trial, () => loseMarks(trial))),
  },
  {
    name: "the answer to a renewal's commit lost again and again: the calls under way go on, and none is made again",
    calledOnce: true,
    run: loseRenewals,
  },
];
