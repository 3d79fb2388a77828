import { waitFor } from "@chat-relay/testkit/wait-for";
import { callerOf } from "../rig/delivery-watch.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { LiveVisitor } from "../rig/live-visitor.ts";
import { untilLive, untilShown } from "../rig/live-waits.ts";
import { speakForN8n, type SpokenCall } from "../rig/spoken-call.ts";
import { mustHold } from "../rig/violation.ts";

/** What must hold of streamed replies, by the names that reports and controls use. */
export const REPLY_INVARIANTS = {
  shown: "text is shown as it comes",
  withdrawn: "text of an attempt that came to nothing is withdrawn",
  again: "the text of the next attempt is shown",
  stale: "what a dispatcher says late is never shown",
} as const;

/** A message whose first attempt has been shown to readers at every gateway. */
async function givenShown({ load, live, world }: Trial, text: string) {
  const of = speakForN8n(world.n8n);
  const [visitor] = await load.open(1);
  if (visitor === undefined) throw new Error("no session");
  const readers = [...world.gateways, ...world.gateways].map(() => live.follow(visitor));
  await untilLive(readers);
  const { message } = await load.send(visitor);
  const first = await of(message.id);
  first.say(text);
  await untilShown(REPLY_INVARIANTS.shown, readers, message.id, text);
  return { visitor, readers, id: message.id, first, attempt: (number: number) => of(message.id, number) };
}

/** The second attempt, of which readers, and one who comes late, are shown all that it says. */
async function untilSecondIsShown({ live }: Trial, { visitor, readers, id }: Shown, second: SpokenCall) {
  second.say("Right ");
  await untilShown(REPLY_INVARIANTS.again, readers, id, "Right ");
  second.say("words");
  await untilShown(REPLY_INVARIANTS.again, [...readers, live.follow(visitor)], id, "Right words");
}

type Shown = Awaited<ReturnType<typeof givenShown>>;

async function killed(trial: Trial): Promise<void> {
  const shown = await givenShown(trial, "Wrong words");
  shown.first.say(", and of another node", 1);
  await untilShown(REPLY_INVARIANTS.shown, shown.readers, shown.id, "Wrong words, and of another node");
  await callerOf(trial.world, shown.first.call).kill();
  const second = await shown.attempt(2);
  await untilShown(REPLY_INVARIANTS.withdrawn, shown.readers, shown.id, "");
  await untilSecondIsShown(trial, shown, second);
  second.finish();
}

/** What is handed back was never tried: the next call is the first attempt again. */
async function handedBack(trial: Trial): Promise<void> {
  trial.allow({ handedBack: true });
  const shown = await givenShown(trial, "Wrong words");
  const holder = callerOf(trial.world, shown.first.call);
  const code = await holder.stop("SIGTERM");
  mustHold("SIGTERM ends a service with exit code 0", code === 0 ? [] : [`${holder.name} ended with ${code}`]);
  const next = await waitFor("the next call", async () => {
    const latest = await shown.attempt(1);
    return latest === shown.first ? undefined : latest;
  });
  await untilSecondIsShown(trial, shown, next);
  next.finish();
  await holder.start();
}

/** How a first attempt may come to nothing by what n8n does. */
const FAILURES: ((call: SpokenCall) => void)[] = [(call) => call.fail(), (call) => call.breakOff()];

/** The next attempt says nothing before its whole reply, which so cannot be what takes the text away. */
async function failed(trial: Trial, fail: (call: SpokenCall) => void): Promise<void> {
  const { world, bot } = trial;
  const shown = await givenShown(trial, "Wrong words");
  const answered = Promise.withResolvers<void>();
  world.n8n.answerWith(async (call) => {
    await answered.promise;
    return bot.answer(call);
  });
  fail(shown.first);
  await untilShown(REPLY_INVARIANTS.withdrawn, shown.readers, shown.id, "");
  answered.resolve();
}

function saidOf(readers: readonly LiveVisitor[], id: string): string[] {
  return readers.flatMap(({ transcript }) =>
    transcript.text.pieces.filter(({ replyTo }) => replyTo === id).map(({ content }) => content),
  );
}

const LATE = "what comes late";

/** A dispatcher held still for longer than its lease in the middle of a reply. */
async function heldStill(trial: Trial, isFinished: boolean): Promise<void> {
  const { world } = trial;
  const shown = await givenShown(trial, "Wrong words");
  const holder = callerOf(world, shown.first.call);
  holder.pause();
  shown.first.say(`, ${LATE}`); // waits for the holder in its socket
  const second = await shown.attempt(2);
  await untilSecondIsShown(trial, shown, second);
  if (isFinished) await finish(second, shown);
  const gaveUp = { yet: false };
  void shown.first.call.ended.then(() => (gaveUp.yet = true));
  holder.resume();
  await waitFor("the late call to be given up", () => {
    shown.first.say(`, ${LATE}`);
    return gaveUp.yet;
  });
  if (!isFinished) await goOn(second, shown);
  mustHold(
    REPLY_INVARIANTS.stale,
    saidOf(shown.readers, shown.id).filter((content) => content.includes(LATE)),
  );
}

async function finish(second: SpokenCall, { readers }: Shown): Promise<void> {
  second.finish();
  await waitFor("the reply", () => readers.every(({ transcript }) => transcript.messages.length === 2));
}

async function goOn(second: SpokenCall, { readers, id }: Shown): Promise<void> {
  second.say(", to the end");
  await untilShown(REPLY_INVARIANTS.again, readers, id, "Right words, to the end");
  second.finish();
}

/** Replies that are cut short, and begun anew. */
export const LIVE_REPLY_CASES: FaultCase[] = [
  {
    name: "a dispatcher killed in the middle of a reply: its text is withdrawn, the next attempt's shown, the reply once",
    run: killed,
  },
  {
    name: "an answer that reports an error behind its end, and one that breaks off: the text is withdrawn",
    async run(trial) {
      for (const fail of FAILURES) await failed(trial, fail);
    },
  },
  {
    name: "a dispatcher ended in order in the middle of a reply: the text of the call that follows takes the place of its own",
    run: handedBack,
  },
  {
    name: "a dispatcher held still in the middle of a reply, and let go while another's is shown: it is not heard any more",
    run: (trial) => heldStill(trial, false),
  },
  {
    name: "a dispatcher held still in the middle of a reply, and let go when another has finished: it is not heard any more",
    run: (trial) => heldStill(trial, true),
  },
];
