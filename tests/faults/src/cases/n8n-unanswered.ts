import { waitFor } from "@chat-relay/testkit/wait-for";
import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { messageIdOf, waysOfReplying } from "../rig/bot.ts";
import { adminPost, deliveryOf, untilStatus } from "../rig/deliveries.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { Accepted, Visitor } from "../rig/load.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { attemptOf, playing, playScripts } from "../rig/n8n-script.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { mustHold } from "../rig/violation.ts";

const STARTED = () => ({ body: { message: "Workflow was started" } });
/** The sweep's interval, and what a busy machine may add. */
const NOISE_MS = 4_000;

async function shownStatus({ load }: Trial, visitor: Visitor, id: string): Promise<string | undefined> {
  return (await load.history(visitor)).find((message) => message.id === id)?.status;
}

async function checkUnanswered(trial: Trial, visitor: Visitor, id: string): Promise<void> {
  const limitMs = Number(trial.world.env["CHAT_REPLY_TIMEOUT_MS"]);
  const delivered = await waitFor("the call", () => trial.calls.find((call) => messageIdOf(call) === id)?.endedAtMs);
  await untilStatus(trial.world, id, "unanswered");
  const tookMs = Date.now() - delivered;
  trial.measure("2xx and no callback: unanswered after ms", tookMs);
  const early = tookMs < limitMs || tookMs > limitMs + NOISE_MS ? [`after ${tookMs} ms, and ${limitMs} are set`] : [];
  mustHold("a message without a reply becomes unanswered in time", early);
  const shown = await shownStatus(trial, visitor, id);
  mustHold(
    "its visitor sees that no reply came",
    shown === "unanswered" ? [] : [`it is shown as ${shown ?? "nothing"}`],
  );
}

const neverCalledBack: FaultCase = {
  name: "2xx and never a callback: unanswered in time, the session goes on, and a late callback still answers",
  async run(trial) {
    const { world, load, bot, calls, allow } = trial;
    playScripts(trial, { silent: STARTED });
    const [late, never] = await load.open(2);
    if (late === undefined || never === undefined) throw new Error("too few sessions");
    const first = await load.send(late, playing("silent"));
    const lost = await load.send(never, { ...playing("silent"), expected: { status: "unanswered", replies: 0 } });
    const behind = [await load.send(late), await load.send(never)];
    await Promise.all(behind.map(({ message }) => untilStatus(world, message.id, "answered")));
    await checkUnanswered(trial, late, first.message.id);
    await untilStatus(world, lost.message.id, "unanswered");
    allow({ calledBack: new Set([first.message.id]) });
    const call = calls.find((one) => messageIdOf(one) === first.message.id);
    if (call !== undefined) bot.callBack(call, `late, but here ${TEXT_CANARY}`, 3);
    await untilStatus(world, first.message.id, "answered");
    await load.send(late);
    const again = calls.length - new Set(calls.map(messageIdOf)).size;
    mustHold("a delivered message is not called again", again === 0 ? [] : [`${again} calls were repeated`]);
  },
};

interface Broken {
  failed: Accepted[];
  unanswered: Accepted[];
}

/** Each session: one that fails, one that is never replied to, another that fails, and one that is answered. */
async function breakSome(trial: Trial, visitors: readonly Visitor[]): Promise<Broken> {
  const { load, world } = trial;
  const broken: Broken = { failed: [], unanswered: [] };
  const one = async (visitor: Visitor) => {
    broken.failed.push(await load.send(visitor, playing("failing")));
    broken.unanswered.push(await load.send(visitor, playing("silent")));
    broken.failed.push(await load.send(visitor, playing("failing")));
    await load.send(visitor);
  };
  await Promise.all(visitors.map(one));
  await Promise.all(broken.failed.map(({ message }) => untilStatus(world, message.id, "failed", 40_000)));
  await Promise.all(broken.unanswered.map(({ message }) => untilStatus(world, message.id, "unanswered", 40_000)));
  return broken;
}

/** The calls of the replay, each message's first. */
function replayOrderProblems(calls: readonly FakeCall[], replayed: readonly Accepted[]): string[] {
  const firstCall = new Map(calls.toReversed().map((call) => [messageIdOf(call), call.receivedAtMs]));
  const bySession = Map.groupBy(replayed, ({ message }) => message.sessionId);
  return [...bySession.values()].flatMap((own) => {
    const inOrder = own.toSorted((a, b) => a.message.sequence - b.message.sequence);
    const times = inOrder.map(({ message }) => firstCall.get(message.id) ?? Infinity);
    const kept = times.every((atMs, index) => index === 0 || atMs >= (times[index - 1] ?? 0));
    return kept ? [] : [`session ${own[0]?.message.sessionId ?? ""} was replayed out of order`];
  });
}

async function attemptProblems({ world }: Trial, replayed: readonly Accepted[], before: number): Promise<string[]> {
  const deliveries = await Promise.all(replayed.map(({ message }) => deliveryOf(world, message.id)));
  return deliveries.flatMap(({ messageId, attempts }) => {
    const gapless = attempts.every(({ number }, index) => number === index + 1);
    // A callback that came although the caller had died answers the message: then no other call is made.
    const ended = attempts.at(-1)?.outcome === "delivered" || waysOfReplying(messageId) === "callback";
    const counted = gapless && attempts.length > before && ended;
    return counted
      ? []
      : [`${messageId} has the attempts ${attempts.map(({ number, outcome }) => `${number} ${outcome}`).join()}`];
  });
}

async function replayAll(
  { world }: Trial,
  status: "failed" | "unanswered",
  sessionIds: readonly string[],
): Promise<void> {
  const gatewayUrl = world.gateways[0]?.url ?? "";
  const counts = sessionIds.map((sessionId) =>
    adminPost<{ matched: number; replayed: number }>(gatewayUrl, "/deliveries/replay", { status, sessionId }),
  );
  const wrong = (await Promise.all(counts)).filter(({ matched, replayed }) => matched === 0 || replayed !== matched);
  mustHold(
    "a replay queues all that it matched",
    wrong.map(({ matched, replayed }) => `${replayed} of ${matched}`),
  );
}

const replay: FaultCase = {
  name: "an operator replays failed and unanswered messages while dispatchers die: each is answered, in order",
  async run(trial) {
    const { world, load, random, calls, allow, bot } = trial;
    const limit = Number(world.env["CHAT_QUEUE_MAX_ATTEMPTS"]);
    playScripts(trial, {
      failing: (call) => (attemptOf(call) <= limit ? { status: 500, body: "broken" } : bot.answer(call)),
      silent: (call) => (attemptOf(call) <= 1 ? STARTED() : bot.answer(call)),
    });
    const visitors = await load.open(10);
    const broken = await breakSome(trial, visitors);
    const replayed = [...broken.failed, ...broken.unanswered];
    allow({ replayed: new Set(replayed.map(({ message }) => message.id)) });
    const sessionIds = visitors.map(({ sessionId }) => sessionId);
    const before = calls.length;
    const replaying = async () => {
      await replayAll(trial, "failed", sessionIds);
      await Promise.all(broken.failed.map(({ message }) => untilStatus(world, message.id, "answered", 60_000)));
      await replayAll(trial, "unanswered", sessionIds);
      await Promise.all(broken.unanswered.map(({ message }) => untilStatus(world, message.id, "answered", 60_000)));
    };
    await meanwhile(replaying(), async () => {
      await random.pick(world.dispatchers).kill();
      await new Promise((resolve) => setTimeout(resolve, 1_000)); // each spares the budget of most
    });
    mustHold("a replay keeps each session's order", replayOrderProblems(calls.slice(before), broken.failed));
    mustHold("a replayed message's attempts are counted on", [
      ...(await attemptProblems(trial, broken.failed, limit)),
      ...(await attemptProblems(trial, broken.unanswered, 1)),
    ]);
  },
};

/** Messages without a reply, and those that an operator gives another try. */
export const UNANSWERED_CASES: FaultCase[] = [neverCalledBack, replay];
