import type { ChatMessage } from "@chat-relay/core/message";
import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf } from "../rig/bot.ts";
import { postCallback, taken, type Callback, type Taken } from "../rig/callback-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Accepted } from "../rig/load.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { mustHold } from "../rig/violation.ts";

/** What callbacks must hold, by the names that reports and controls use. */
export const CALLBACK_INVARIANTS = {
  oneReply: "a callback that comes more than once is one reply, and each time the same answer",
  settled: "a message that has its reply is not called again",
} as const;

const SILENT = { body: { message: "Workflow was started" } };

/** One message in each of so many sessions, called, and not answered. */
async function unanswered({ world, load, calls, allow }: Trial, count: number): Promise<ChatMessage[]> {
  world.n8n.answerWith(() => SILENT);
  const visitors = await load.open(count);
  const accepted = await Promise.all(visitors.map((visitor) => load.send(visitor)));
  const ids = new Set(accepted.map(({ message }) => message.id));
  allow({ calledBack: ids });
  await waitFor("the calls", () => [...ids].every((id) => calls.some((call) => messageIdOf(call) === id)));
  return accepted.map(({ message }) => message);
}

function replyTo({ id, sessionId }: Pick<ChatMessage, "id" | "sessionId">, note = ""): Callback {
  return { id: `reply-${id}`, body: { sessionId, replyTo: id, content: `reply to ${id}${note} ${TEXT_CANARY}` } };
}

/** Posts a callback as n8n does: again, at any receiver, until one takes it. */
async function untilTaken({ world, random }: Trial, callback: Callback): Promise<Taken> {
  const answer = await waitFor("a receiver to take the callback", async () => {
    const seen = await postCallback(random.pick(world.receivers), callback);
    if (seen.status >= 400 && seen.status < 500) taken(seen);
    return seen.status === 200 && seen;
  });
  return taken(answer);
}

function checkOneReply(message: ChatMessage, answers: readonly Taken[], firsts: (count: number) => boolean): void {
  const ids = new Set(answers.map(({ messageId }) => messageId));
  const count = answers.filter(({ duplicate }) => !duplicate).length;
  mustHold(CALLBACK_INVARIANTS.oneReply, [
    ...(ids.size === 1 ? [] : [`${answers.length} callbacks for ${message.id} were told ${ids.size} replies`]),
    ...(firsts(count) ? [] : [`${count} of ${answers.length} callbacks for ${message.id} were told to be the first`]),
  ]);
}

async function copiesAtOnce({ world }: Trial, message: ChatMessage, copies: number): Promise<void> {
  const posts = Array.from({ length: copies }, async (_, index) => {
    const receiver = world.receivers[index % world.receivers.length];
    if (receiver === undefined) throw new Error("there is no receiver");
    return taken(await postCallback(receiver, replyTo(message)));
  });
  checkOneReply(message, await Promise.all(posts), (count) => count === 1);
}

/** Copies with texts of their own under one id: the visitor must see the text of the one that was the first. */
async function othersAtOnce(trial: Trial, message: ChatMessage, copies: number): Promise<void> {
  const posts = Array.from({ length: copies }, async (_, index) => {
    const callback = replyTo(message, ` in words ${index}`);
    return { callback, answer: await untilTaken(trial, callback) };
  });
  const posted = await Promise.all(posts);
  checkOneReply(
    message,
    posted.map(({ answer }) => answer),
    (count) => count === 1,
  );
  const first = posted.find(({ answer }) => !answer.duplicate);
  const visitor = trial.load.visitors.find(({ sessionId }) => sessionId === message.sessionId);
  if (visitor === undefined) throw new Error("whose message was it?");
  const shown = (await trial.load.history(visitor)).find(({ role }) => role === "assistant");
  const { content } = (first?.callback.body ?? {}) as { content?: string };
  const same = content !== undefined && shown?.content === content;
  mustHold(CALLBACK_INVARIANTS.oneReply, same ? [] : ["another text is shown than was the first"]);
}

/** A message of each visitor, one after another. */
async function inTurn({ load }: Trial, visitors: number, each: number): Promise<Accepted[]> {
  const opened = await load.open(visitors);
  const lanes = opened.map(async (visitor) => {
    const sent: Accepted[] = [];
    for (let count = 0; count < each; count += 1) sent.push(await load.send(visitor));
    return sent;
  });
  return (await Promise.all(lanes)).flat();
}

const callFor = (call: FakeCall) => ({
  id: messageIdOf(call),
  sessionId: (call.body as { sessionId: string }).sessionId,
});

/** Callbacks that come more than once. */
const DOUBLED: FaultCase[] = [
  {
    name: "the same callback 3 and 30 times at once at two receivers is one reply, and each time the same answer",
    async run(trial) {
      const messages = await unanswered(trial, 13);
      await Promise.all(messages.map((message, index) => copiesAtOnce(trial, message, index < 10 ? 3 : 30)));
    },
  },
  {
    name: "callbacks with other words under one id, at once: one reply, with the words of the first",
    async run(trial) {
      const messages = await unanswered(trial, 8);
      await Promise.all(messages.map((message) => othersAtOnce(trial, message, 10)));
    },
  },
  {
    name: "an id that was used for one session, used again for another: the first reply is told, and nothing is shown",
    async run(trial) {
      const messages = await unanswered(trial, 2);
      const [mine, theirs] = messages as [ChatMessage, ChatMessage];
      const first = await untilTaken(trial, replyTo(mine));
      const again = await untilTaken(trial, { ...replyTo(theirs), id: `reply-${mine.id}` });
      checkOneReply(mine, [first, again], (count) => count === 1);
      await untilTaken(trial, replyTo(theirs));
    },
  },
  {
    name: "the same callback 30 times while receivers are killed is one reply, and each time the same answer",
    async run(trial) {
      const { world, random } = trial;
      const messages = await unanswered(trial, 8);
      const work = messages.map(async (message) => {
        const copies = Array.from({ length: 30 }, async (_, index) => {
          await new Promise((resolve) => setTimeout(resolve, index * 100));
          return untilTaken(trial, replyTo(message));
        });
        // The answer to the first may have died with its receiver.
        checkOneReply(message, await Promise.all(copies), (count) => count <= 1);
      });
      await meanwhile(Promise.all(work), async () => {
        await new Promise((resolve) => setTimeout(resolve, 600));
        const victim = random.pick(world.receivers);
        await victim.ready(); // on a slow machine there would else be none that takes anything
        await victim.kill();
      });
    },
  },
];

/** Callbacks that come in another order than one would expect. */
const REORDERED: FaultCase[] = [
  {
    name: "a reply that comes before n8n's own answer is shown once",
    async run(trial) {
      const { world, load, calls, allow } = trial;
      world.n8n.answerWith(async (call) => {
        await untilTaken(trial, replyTo(callFor(call)));
        return SILENT;
      });
      await load.open(10);
      await load.steady(60, 40);
      allow({ calledBack: new Set(load.accepted.map(({ message }) => message.id)) });
      await waitFor("the calls", () => calls.length >= 60);
    },
  },
  {
    name: "replies to later messages that come before those to earlier ones are all shown",
    async run(trial) {
      const { world, calls, allow } = trial;
      world.n8n.answerWith(() => SILENT);
      const accepted = await inTurn(trial, 6, 4);
      allow({ calledBack: new Set(accepted.map(({ message }) => message.id)) });
      await waitFor("the calls", () => calls.length >= accepted.length);
      const lastFirst = accepted.toSorted((a, b) => b.message.sequence - a.message.sequence);
      for (const { message } of lastFirst) await untilTaken(trial, replyTo(message));
    },
  },
  {
    name: "a reply between two attempts settles its message: no more calls for it, and the session goes on",
    async run(trial) {
      const { world, calls, allow, measure } = trial;
      const repliedAtMs = new Map<string, number>();
      world.n8n.answerWith((call) => {
        if (calls.filter((other) => messageIdOf(other) === messageIdOf(call)).length > 1) return SILENT;
        void call.ended
          .then(() => untilTaken(trial, replyTo(callFor(call))))
          .then(() => {
            repliedAtMs.set(messageIdOf(call), Date.now());
          });
        return { status: 500, body: `workflow failed ${TEXT_CANARY}` };
      });
      const accepted = await inTurn(trial, 5, 3);
      allow({ calledBack: new Set(accepted.map(({ message }) => message.id)) });
      await waitFor("the replies", () => repliedAtMs.size === accepted.length, 60_000);
      mustHold(
        CALLBACK_INVARIANTS.settled,
        calls.length > accepted.length ? [`${calls.length} calls for ${accepted.length} messages`] : [],
      );
      const gaps = calls.flatMap((call) => {
        const { sequence } = (call.body as { data: { sequence: number } }).data;
        const before = accepted.find(
          ({ message }) => message.sessionId === callFor(call).sessionId && message.sequence < sequence,
        )?.message.id;
        const atMs = before === undefined ? undefined : repliedAtMs.get(before);
        return atMs === undefined ? [] : [call.receivedAtMs - atMs];
      });
      measure("reply between attempts, next message called after ms at most", Math.max(...gaps));
    },
  },
  {
    name: "a message whose call then fails, and one that has failed, are answered by their replies",
    async run(trial) {
      const { world, load, calls, allow } = trial;
      const answers = [{ status: 410 }, { status: 500 }];
      world.n8n.answerWith(async (call) => {
        const answer = answers.shift();
        if (answer === undefined) return { status: 410 };
        await untilTaken(trial, replyTo(callFor(call)));
        return answer;
      });
      const [visitor] = await load.open(1);
      if (visitor === undefined) throw new Error("no session");
      for (let count = 0; count < 2; count += 1) {
        const { message } = await load.send(visitor);
        await waitFor("its reply", async () =>
          (await load.history(visitor)).some(({ replyTo: to }) => to === message.id),
        );
      }
      await waitFor("the calls", () => calls.length === 2 && calls.every(({ endedAtMs }) => endedAtMs !== undefined));
      const { message } = await load.send(visitor);
      const status = async () => (await load.history(visitor)).find(({ id }) => id === message.id)?.status;
      await waitFor("the failure", async () => (await status()) === "failed");
      await untilTaken(trial, replyTo(message));
      allow({ calledBack: new Set(load.accepted.map((accepted) => accepted.message.id)) });
    },
  },
];

/** Callbacks that nobody waits for. */
const UNASKED: FaultCase[] = [
  {
    name: "replies unasked, in parallel with messages: every one is shown and the sequences stay gapless",
    async run({ load, bot, random }) {
      await load.open(8);
      const sending = load.steady(150, 50);
      for (let count = 0; count < 150; count += 1) {
        const { sessionId } = random.pick(load.visitors);
        load.unasked.set(sessionId, (load.unasked.get(sessionId) ?? 0) + 1);
        bot.post(
          `unasked-${count}-${sessionId}`,
          { sessionId, content: `by the way ${TEXT_CANARY}` },
          random.int(3_000),
        );
      }
      await sending;
      await bot.settled();
    },
  },
];

/** Replies to conversations, as workflows send them, disturbed. */
export const CALLBACK_CASES: FaultCase[] = [...DOUBLED, ...REORDERED, ...UNASKED];
