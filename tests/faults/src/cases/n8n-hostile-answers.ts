import { messageIdOf } from "../rig/bot.ts";
import { deliveryOf, untilStatus } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Accepted, Expected } from "../rig/load.ts";
import { firstAttempts, playing, playScripts } from "../rig/n8n-script.ts";
import { mustHold } from "../rig/violation.ts";
import { HOSTILE_ANSWERS, type HostileAnswer, type Outcome } from "./n8n-hostile-texts.ts";

/** PostgreSQL's words for text that it cannot store: 22021, 22P05, 22P02. */
const UNSTORABLE = [
  "invalid byte sequence",
  "unsupported Unicode escape",
  "invalid input syntax",
  "Unicode high surrogate",
  "Unicode low surrogate",
];

function expectedOf(outcome: Outcome): Expected {
  switch (outcome.kind) {
    case "replies":
      return { status: "answered", replies: outcome.texts.length };
    case "no reply":
      return { status: "unanswered", replies: 0 };
    case "failed at once":
      return { status: "failed", replies: 0 };
    case "refused":
      return { status: "answered", replies: 1 };
  }
}

interface Sent {
  hostile: HostileAnswer;
  accepted: Accepted;
  visitor: Trial["load"]["visitors"][number];
}

async function attemptProblems({ world, calls }: Trial, { hostile, accepted }: Sent): Promise<string[]> {
  const { id } = accepted.message;
  const { attempts } = await deliveryOf(world, id);
  const wanted = {
    replies: "delivered",
    "no reply": "delivered",
    "failed at once": "failed",
    refused: "retry,delivered",
  };
  const seen = attempts.map(({ outcome }) => outcome).join(",");
  const called = calls.filter((call) => messageIdOf(call) === id).length;
  const ofRefusal = attempts.flatMap(({ error }) =>
    error === null || (!error.includes("\0") && error.isWellFormed())
      ? []
      : [`${hostile.name}: its error is not clean`],
  );
  return [
    ...(seen === wanted[hostile.outcome.kind] ? [] : [`${hostile.name}: the attempts were ${seen}`]),
    ...(called === attempts.length
      ? []
      : [`${hostile.name}: was called ${called} times in ${attempts.length} attempts`]),
    ...ofRefusal,
  ];
}

async function replyProblems({ load }: Trial, { hostile, accepted, visitor }: Sent): Promise<string[]> {
  const { outcome, name } = hostile;
  if (outcome.kind !== "replies") return [];
  const history = await load.history(visitor);
  const shown = history.filter(({ replyTo }) => replyTo === accepted.message.id).map(({ content }) => content);
  const same = shown.length === outcome.texts.length && shown.every((one, index) => one === outcome.texts[index]);
  return same ? [] : [`${name}: shows ${JSON.stringify(shown).slice(0, 200)}`];
}

async function forEachSent(sent: readonly Sent[], problems: (one: Sent) => Promise<string[]>): Promise<string[]> {
  return (await Promise.all(sent.map(problems))).flat();
}

async function sendAll(trial: Trial): Promise<Sent[]> {
  const visitors = await trial.load.open(HOSTILE_ANSWERS.length);
  const sent: Sent[] = [];
  for (const [index, hostile] of HOSTILE_ANSWERS.entries()) {
    const visitor = visitors[index];
    if (visitor === undefined) throw new Error("too few sessions");
    const accepted = await trial.load.send(visitor, {
      ...playing(hostile.name),
      expected: expectedOf(hostile.outcome),
    });
    await trial.load.send(visitor); // goes on after whatever that was
    sent.push({ hostile, accepted, visitor });
  }
  return sent;
}

const hostileAnswers: FaultCase = {
  name: "hostile JSON, Unicode and types in n8n's answers: each ends as promised, and none comes back for ever",
  async run(trial) {
    const { world, calls } = trial;
    const scripts = HOSTILE_ANSWERS.map(({ name, answer }) => [name, firstAttempts(trial, 1, () => answer)] as const);
    playScripts(trial, Object.fromEntries(scripts));
    const logFrom = world.logs().get("postgres")?.length ?? 0;
    const sent = await sendAll(trial);
    for (const { accepted } of sent) {
      const { status } = accepted.expected;
      await untilStatus(world, accepted.message.id, status, 30_000);
    }
    mustHold("an answer ends its message as promised", await forEachSent(sent, (one) => attemptProblems(trial, one)));
    mustHold(
      "a reply is shown as it came, but for what cannot be stored",
      await forEachSent(sent, (one) => replyProblems(trial, one)),
    );
    const log = world.logs().get("postgres")?.slice(logFrom) ?? "";
    mustHold(
      "PostgreSQL is never given what it cannot store",
      UNSTORABLE.filter((words) => log.includes(words)),
    );
    const most = Math.max(...calls.map((call) => Number(call.headers["chat-attempt"])));
    mustHold("no hostile answer is asked for again and again", most > 2 ? [`an attempt of number ${most}`] : []);
  },
};

/** n8n that says what no one expects. */
export const HOSTILE_ANSWER_CASES: FaultCase[] = [hostileAnswers];
