import { setTimeout as pause } from "node:timers/promises";
import type { ChatMessage } from "@chat-relay/core/message";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { sendOnce } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Visitor } from "../rig/load.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import type { RawAnswer } from "../rig/raw-http.ts";
import { together } from "../rig/together.ts";
import { mustHold } from "../rig/violation.ts";

/** What holds for a message that is sent more than once, by the name that reports and controls use. */
export const ONE_MESSAGE =
  "a message that is sent more than once under one key is one message, and each time the same answer";

const COPIES = 20;

/** The ways to write one key. */
function keyed(key: string, index: number): { body: object; headers: Record<string, string> } {
  const body = { content: `once ${key} ${TEXT_CANARY}` };
  if (index % 3 === 0) return { body: { ...body, clientMessageId: key }, headers: {} };
  return { body, headers: { "idempotency-key": index % 3 === 1 ? key : `"${key}"` } };
}

function sendCopy({ world }: Trial, visitor: Visitor, key: string, index: number): Promise<RawAnswer> {
  const gateway = world.gateways[index % world.gateways.length];
  if (gateway === undefined) throw new Error("there is no gateway");
  const { body, headers } = keyed(key, index);
  return sendOnce(gateway, visitor, body, { headers });
}

/** As a page does: again until a gateway takes it. */
async function untilAccepted(trial: Trial, visitor: Visitor, key: string): Promise<RawAnswer> {
  return waitFor(
    `a gateway to take ${key}`,
    async () => {
      const answer = await sendCopy(trial, visitor, key, trial.random.int(60));
      if (answer.status >= 400 && answer.status < 500) throw new Error(`${key}: ${answer.status} ${answer.text}`);
      if (answer.status >= 200 && answer.status < 300) return answer;
      await new Promise((resolve) => setTimeout(resolve, 50 + trial.random.int(200)));
      return undefined;
    },
    60_000,
  );
}

/** Checks the answers to all copies, and hands the one message to the ledger checker. */
function checkOneMessage(
  { load }: Trial,
  key: string,
  answers: readonly RawAnswer[],
  firsts: (count: number) => boolean,
): void {
  const untaken = answers.filter(({ status }) => status !== 200 && status !== 202);
  mustHold(
    ONE_MESSAGE,
    untaken.map(({ status, text }) => `${key}: ${status} ${text}`),
  );
  const messages = answers.map(({ text }) => JSON.parse(text) as ChatMessage & { duplicate?: true });
  const ids = new Set(messages.map(({ id, sequence }) => `${id} (${sequence})`));
  const statuses = answers.map(({ status }) => status);
  const marked = messages.every(({ duplicate }, index) => (duplicate === true) === (statuses[index] === 200));
  const count = statuses.filter((status) => status === 202).length;
  mustHold(ONE_MESSAGE, [
    ...(ids.size === 1 ? [] : [`${key} became ${[...ids].join(", ")}`]),
    ...(firsts(count) ? [] : [`${count} of ${answers.length} sends of ${key} were told to be the first`]),
    ...(marked ? [] : [`${key}: a repeat is not told to be one, or a first is`]),
  ]);
  const [message] = messages;
  if (message !== undefined) load.accepted.push({ message, expected: { status: "answered", replies: 1 }, tookMs: 0 });
}

async function copiesAround(trial: Trial, visitor: Visitor, key: string, atMs: number): Promise<void> {
  const copies = Array.from({ length: COPIES }, async () => {
    await pause(atMs + trial.random.int(300));
    return untilAccepted(trial, visitor, key);
  });
  // The answer to the first may have been lost on its way.
  checkOneMessage(trial, key, await Promise.all(copies), (count) => count <= 1);
}

/** Gateways die, and PostgreSQL is cut off, loses answers and dies; over some six seconds. */
async function disturb(trial: Trial, visitor: Visitor): Promise<void> {
  const { world, random } = trial;
  await pause(700);
  await random.pick(world.gateways).kill();
  await pause(500);
  for (const gateway of world.gateways) await gateway.postgres.refuse();
  await pause(500);
  for (const gateway of world.gateways) await gateway.postgres.pass();
  await pause(500);
  let late = 0;
  // More is sent until each has lost one: on a slow machine all else may have been sent by now.
  await meanwhile(Promise.all(world.gateways.map((gateway) => gateway.postgres.loseAnswerTo("accept-message"))), () =>
    copiesAround(trial, visitor, `late-${(late += 1)}`, 0),
  );
  await pause(500);
  await world.postgres.kill("SIGQUIT");
  await pause(500);
  await world.postgres.start();
}

/** The same message, sent again and again. */
export const IDEMPOTENCY_CASES: FaultCase[] = [
  {
    name: "the same message 20 times at once at two gateways is one message",
    async run(trial) {
      const visitors = await trial.load.open(6);
      const sends = visitors.flatMap((visitor, index) =>
        [1, 2].map(async (turn) => {
          const key = `once-${index}-${turn}`;
          let refused = 0;
          const untilTaken = async (copy: number): Promise<RawAnswer> => {
            const answer = await sendCopy(trial, visitor, key, copy);
            if (answer.status !== 503) return answer;
            refused += 1; // a machine that does not keep up with all of them at once
            return untilAccepted(trial, visitor, key);
          };
          const copies = Array.from({ length: COPIES }, (_, copy) => untilTaken(copy));
          const answers = await Promise.all(copies);
          checkOneMessage(trial, key, answers, (count) => count === 1 || (refused > 0 && count === 0));
        }),
      );
      await Promise.all(sends);
    },
  },
  {
    name: "the same message 20 times while gateways are killed and PostgreSQL is cut off and killed is one message",
    async run(trial) {
      const visitors = await trial.load.open(4);
      const pick = (index: number) => visitors[index % visitors.length] as Visitor;
      const sends = Array.from({ length: 40 }, (_, index) =>
        copiesAround(trial, pick(index), `fire-${index}`, index * 200),
      );
      await together(...sends, disturb(trial, pick(0)));
    },
  },
];
