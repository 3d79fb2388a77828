import { postCallback, type Callback } from "../rig/callback-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import type { RawAnswer } from "../rig/raw-http.ts";
import { snapshotTables } from "../rig/table-snapshot.ts";
import { mustHold } from "../rig/violation.ts";
import { untilQuiet } from "../rig/until-quiet.ts";

/** What the limits of callbacks must hold, by the names that reports and controls use. */
export const CALLBACK_LIMIT_INVARIANTS = {
  forged: "refused callbacks are limited for their address, over all receivers and whatever their headers say",
  valid: "a valid callback is never refused because of its address",
  session: "callbacks of one session are limited, repeats cost nothing, and other sessions are free",
  told: "who is over a limit is told when to come again",
} as const;

/** Each in a minute; see `callbacks.test.ts`. */
export const CALLBACK_LIMIT = 30;

const FORGER = "127.0.0.40";

function forged({ world, random }: Trial, index: number, from = FORGER): Promise<RawAnswer> {
  const headers = {
    "x-forwarded-for": `203.0.113.${random.int(256)}`,
    forwarded: `for=203.0.113.${random.int(256)}`,
    "x-real-ip": "203.0.113.1",
  };
  const callback: Callback = {
    id: `forged-${index}`,
    body: "{}",
    key: Buffer.from("another-secret-altogether"),
    from,
    headers,
  };
  return postCallback(random.pick(world.receivers), callback);
}

async function flood(trial: Trial, count: number): Promise<RawAnswer[]> {
  const answers: RawAnswer[] = [];
  for (let from = 0; from < count; from += 20) {
    answers.push(...(await Promise.all(Array.from({ length: 20 }, (_, index) => forged(trial, from + index)))));
  }
  return answers;
}

function unasked({ world, load, random }: Trial, sessionId: string, id: string): Promise<RawAnswer> {
  load.unasked.set(sessionId, load.unasked.get(sessionId) ?? 0);
  return postCallback(random.pick(world.receivers), {
    id,
    body: { sessionId, content: `by the way ${TEXT_CANARY}` },
    from: FORGER,
  });
}

function countTaken({ load }: Trial, sessionId: string, answers: readonly RawAnswer[]): void {
  const count = answers.filter(({ status, text }) => status === 200 && text.includes('"duplicate":false')).length;
  load.unasked.set(sessionId, (load.unasked.get(sessionId) ?? 0) + count);
}

function statusProblems(answers: readonly RawAnswer[], wanted: Record<number, number>): string[] {
  const seen: Record<number, number> = {};
  for (const { status } of answers) seen[status] = (seen[status] ?? 0) + 1;
  return JSON.stringify(seen) === JSON.stringify(wanted)
    ? []
    : [`${JSON.stringify(seen)} instead of ${JSON.stringify(wanted)}`];
}

function checkTold(answers: readonly RawAnswer[]): void {
  const silent = answers.filter(({ status, headers }) => {
    const seconds = Number(headers.get("retry-after"));
    const told = seconds >= 1 && seconds <= 60 && headers.get("ratelimit") === `"webhooks";r=0;t=${seconds}`;
    return status === 429 && !(told && headers.get("ratelimit-policy") === `"webhooks";q=${CALLBACK_LIMIT};w=60`);
  });
  mustHold(
    CALLBACK_LIMIT_INVARIANTS.told,
    silent.map(({ headers }) => JSON.stringify([...headers])),
  );
}

/** Callbacks with limits on. */
export const CALLBACK_LIMIT_CASES: FaultCase[] = [
  {
    name: "a flood of forged callbacks is limited for its address, and hits no valid one from there",
    async run(trial) {
      const { world, load } = trial;
      await load.open(3);
      await untilQuiet(trial);
      const before = await snapshotTables(world);
      const answers = await flood(trial, 400);
      const after = await snapshotTables(world);
      mustHold(CALLBACK_LIMIT_INVARIANTS.forged, [
        ...statusProblems(answers, { 401: CALLBACK_LIMIT, 429: 400 - CALLBACK_LIMIT }),
        ...(JSON.stringify(after) === JSON.stringify(before) ? [] : ["something stored has changed"]),
      ]);
      checkTold(answers);
      const other = await forged(trial, 0, "127.0.0.41");
      mustHold(
        CALLBACK_LIMIT_INVARIANTS.forged,
        other.status === 401 ? [] : [`another address was told ${other.status}`],
      );
      const flooding = flood(trial, 400);
      const sending = load.visitors.map(async ({ sessionId }, visitor) => {
        const posts = Array.from({ length: 10 }, (_, index) => unasked(trial, sessionId, `valid-${visitor}-${index}`));
        const valid = await Promise.all(posts);
        countTaken(trial, sessionId, valid);
        mustHold(CALLBACK_LIMIT_INVARIANTS.valid, statusProblems(valid, { 200: 10 }));
      });
      await Promise.all([flooding, ...sending]);
    },
  },
  {
    name: "a workflow that floods one session is limited there: repeats are told their reply, other sessions are free",
    async run(trial) {
      const { load } = trial;
      const [flooded, other] = await load.open(2);
      if (flooded === undefined || other === undefined) return;
      const ids = Array.from({ length: CALLBACK_LIMIT + 20 }, (_, index) => `flood-${index}`);
      const answers = await Promise.all(ids.map((id) => unasked(trial, flooded.sessionId, id)));
      countTaken(trial, flooded.sessionId, answers);
      mustHold(CALLBACK_LIMIT_INVARIANTS.session, statusProblems(answers, { 200: CALLBACK_LIMIT, 429: 20 }));
      checkTold(answers);
      const taken = ids.filter((_, index) => answers[index]?.status === 200);
      const repeats = await Promise.all(taken.map((id) => unasked(trial, flooded.sessionId, id)));
      countTaken(trial, flooded.sessionId, repeats);
      mustHold(CALLBACK_LIMIT_INVARIANTS.session, statusProblems(repeats, { 200: CALLBACK_LIMIT }));
      const free = await Promise.all(ids.slice(0, 10).map((id) => unasked(trial, other.sessionId, `other-${id}`)));
      countTaken(trial, other.sessionId, free);
      mustHold(CALLBACK_LIMIT_INVARIANTS.session, statusProblems(free, { 200: 10 }));
    },
  },
];
