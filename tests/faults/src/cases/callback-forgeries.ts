import {
  CALLBACK_PATH,
  callbackRequest,
  postCallback,
  taken,
  type Callback,
  type Taken,
} from "../rig/callback-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { exchange, problemOf, rawRequest, requestBytes, type RawAnswer, type RawRequest } from "../rig/raw-http.ts";
import type { SupervisedService } from "../rig/supervised-service.ts";
import { snapshotTables } from "../rig/table-snapshot.ts";
import { untilQuiet } from "../rig/until-quiet.ts";
import { mustHold } from "../rig/violation.ts";
import type { World } from "../rig/world.ts";
import { FORGERIES, OTHER_BYTES, UNREADABLE, type Forgery, type SignedRequest } from "./forgeries.ts";

/** What forged and repeated callbacks must not change, by the names that reports and controls use. */
export const FORGERY_INVARIANTS = {
  sameRefusal: "whatever is wrong with a callback's signature, time or headers, it is refused with the same 401",
  quick: "a forged callback costs next to nothing",
  noEffect: "what is refused or repeated changes nothing that is stored",
  unreadable: "what is no HTTP is refused before it is a callback",
  repeats: "a valid callback that comes again is told its first reply inside the tolerance, and refused outside",
} as const;

/** Of most of them; alone on the machine a fiftieth. */
const REFUSED_WITHIN_MS = 250;

type Sign = (sessionId: string, id: string) => SignedRequest;

const content = (sessionId: string) => `{"sessionId":"${sessionId}","content":"a/b ${TEXT_CANARY}"}`;

const signedReply: Sign = (sessionId, id) => callbackRequest({ id, body: content(sessionId) }) as SignedRequest;

/** With a byte in it that is no UTF-8, in whose place others would mean the same text. */
const signedBytes: Sign = (sessionId, id) => {
  const [begin = "", end = ""] = content(sessionId).split("/");
  const body = Buffer.concat([Buffer.from(begin), Buffer.from([0xfe]), Buffer.from(`/${end}`)]);
  return callbackRequest({ id, body }) as SignedRequest;
};

function isRefusal(answer: RawAnswer, wanted: Record<string, unknown>): boolean {
  return (
    answer.status === 401 &&
    JSON.stringify(problemOf(answer)) === JSON.stringify(wanted) &&
    !answer.headers.has("www-authenticate")
  );
}

async function forgeAll(trial: Trial, forgeries: Record<string, Forgery>, sign: Sign): Promise<void> {
  const { world, load, measure } = trial;
  const [visitor] = load.visitors;
  const receivers = world.receivers;
  const wanted = problemOf(await rawRequest(receivers[0]?.url ?? "", { path: CALLBACK_PATH, body: "{}" }));
  mustHold(FORGERY_INVARIANTS.sameRefusal, wanted["code"] === "unauthorized" ? [] : [JSON.stringify(wanted)]);
  const tookMs: number[] = [];
  const problems: string[] = [];
  for (const [name, forgery] of Object.entries(forgeries)) {
    for (const receiver of receivers) {
      const answer = await rawRequest(receiver.url, forgery(sign(visitor?.sessionId ?? "", "forged")));
      tookMs.push(answer.tookMs);
      if (!isRefusal(answer, wanted)) problems.push(`${name}: ${answer.status} ${answer.text.slice(0, 200)}`);
    }
  }
  measure("forged callback refused after ms at most", Math.max(...tookMs));
  const medianMs = tookMs.toSorted((a, b) => a - b)[Math.floor(tookMs.length / 2)] ?? 0;
  mustHold(FORGERY_INVARIANTS.quick, medianMs > REFUSED_WITHIN_MS ? [`half took more than ${medianMs} ms`] : []);
  mustHold(FORGERY_INVARIANTS.sameRefusal, problems);
}

/** Sessions with a conversation, at rest. */
async function conversation(trial: Trial): Promise<void> {
  await trial.load.open(2);
  await trial.load.steady(6, 50);
  await untilQuiet(trial);
}

async function withoutEffect(world: World, work: () => Promise<void>): Promise<void> {
  const before = await snapshotTables(world);
  await work();
  const after = await snapshotTables(world);
  mustHold(
    FORGERY_INVARIANTS.noEffect,
    Object.keys(before)
      .filter((table) => before[table] !== after[table])
      .map((table) => `${table} has changed`),
  );
}

/** What is valid must get through, or the refusals above would mean nothing. */
async function unaskedReply(
  { world, load, random }: Trial,
  callback: Pick<Callback, "id" | "ageSeconds">,
): Promise<Callback & { answer: Taken }> {
  const { sessionId } = random.pick(load.visitors);
  const whole = { ...callback, body: { sessionId, content: `by the way ${TEXT_CANARY}` } };
  const answer = taken(await postCallback(random.pick(world.receivers), whole));
  load.unasked.set(sessionId, (load.unasked.get(sessionId) ?? 0) + 1);
  return { ...whole, answer };
}

function checkRepeat(what: string, answer: RawAnswer, first: Taken): void {
  const again = taken(answer);
  const same = again.duplicate && again.messageId === first.messageId && again.sequence === first.sequence;
  mustHold(FORGERY_INVARIANTS.repeats, same ? [] : [`${what}: ${answer.text}`]);
}

function checkOutside(what: string, answer: RawAnswer): void {
  mustHold(FORGERY_INVARIANTS.repeats, answer.status === 401 ? [] : [`${what}: ${answer.status} ${answer.text}`]);
}

async function repeatEverywhere(world: World, request: RawRequest, check: (answer: RawAnswer) => void): Promise<void> {
  for (const receiver of world.receivers) check(await rawRequest(receiver.url, request));
}

async function restart(receivers: readonly SupervisedService[]): Promise<void> {
  await Promise.all(receivers.map((receiver) => receiver.kill()));
  await Promise.all(receivers.map((receiver) => receiver.ready()));
}

/** Callbacks of somebody who has not the secret, or who plays back what he overheard. */
export const FORGERY_CASES: FaultCase[] = [
  {
    name: "forged callbacks: always the same 401, and nothing changes",
    async run(trial) {
      await conversation(trial);
      await withoutEffect(trial.world, () => forgeAll(trial, FORGERIES, signedReply));
      await unaskedReply(trial, { id: "forged" });
    },
  },
  {
    name: "only the exact bytes verify, not the JSON or the text that they mean",
    async run(trial) {
      await conversation(trial);
      await withoutEffect(trial.world, () => forgeAll(trial, OTHER_BYTES, signedBytes));
      // The exact bytes verify, and then are found to be no UTF-8.
      const exact = signedBytes(trial.load.visitors[0]?.sessionId ?? "", "exact");
      const { status } = await rawRequest(trial.world.receivers[0]?.url ?? "", exact);
      mustHold(FORGERY_INVARIANTS.sameRefusal, status === 400 ? [] : [`the exact bytes were answered ${status}`]);
    },
  },
  {
    name: "requests that are no HTTP are refused, and nothing changes",
    async run(trial) {
      await conversation(trial);
      const { world, load } = trial;
      await withoutEffect(world, async () => {
        const valid = requestBytes(
          callbackRequest({ id: "odd", body: { sessionId: load.visitors[0]?.sessionId ?? "", content: TEXT_CANARY } }),
        ).toString("latin1");
        const entries = Object.entries(UNREADABLE).map(async ([name, change]) => {
          const answer = await exchange(world.receivers[0]?.url ?? "", Buffer.from(change(valid), "latin1"));
          return [400, 401].includes(answer.status) ? [] : [`${name}: ${answer.status} ${answer.text}`];
        });
        mustHold(FORGERY_INVARIANTS.unreadable, (await Promise.all(entries)).flat());
      });
    },
  },
  {
    name: "a valid callback played back: no effect within 300 s, 401 beyond, also after the receivers were restarted",
    async run(trial) {
      const { world } = trial;
      await conversation(trial);
      const now = await unaskedReply(trial, { id: "replay-now" });
      const old = await unaskedReply(trial, { id: "replay-old", ageSeconds: 298 });
      const early = await unaskedReply(trial, { id: "replay-early", ageSeconds: -299 });
      const oldRequest = callbackRequest(old);
      await untilQuiet(trial);
      await withoutEffect(world, async () => {
        for (const { answer, ...callback } of [now, early]) {
          await repeatEverywhere(world, callbackRequest(callback), (seen) => checkRepeat(callback.id, seen, answer));
        }
        await repeatEverywhere(world, callbackRequest({ ...now, ageSeconds: 299 }), (seen) =>
          checkRepeat("299 s ago", seen, now.answer),
        );
        for (const ageSeconds of [301, -303, 86_400, -86_400]) {
          await repeatEverywhere(world, callbackRequest({ ...now, ageSeconds }), (seen) =>
            checkOutside(`${ageSeconds} s`, seen),
          );
        }
        // The very same request, which was valid a moment ago.
        await new Promise((resolve) => setTimeout(resolve, 3_500));
        await repeatEverywhere(world, oldRequest, (seen) => checkOutside("302 s after it was signed", seen));
        await restart(world.receivers);
        await repeatEverywhere(world, callbackRequest(now), (seen) => checkRepeat("after a restart", seen, now.answer));
        await repeatEverywhere(world, oldRequest, (seen) => checkOutside("302 s after, and after a restart", seen));
      });
    },
  },
];
