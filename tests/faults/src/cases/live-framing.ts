import { setTimeout as pause } from "node:timers/promises";
import type { FakeAnswer, FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf } from "../rig/bot.ts";
import { untilAllIsDone } from "../rig/delivery-watch.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import type { LiveVisitor } from "../rig/live-visitor.ts";
import { untilLive } from "../rig/live-waits.ts";
import { n8nLine } from "../rig/n8n-lines.ts";
import { mustHold } from "../rig/violation.ts";
import { HOSTILE_TEXTS } from "./live-hostile-texts.ts";

/** What must hold of replies that try to be something else, by the names that reports use. */
const FRAMING_INVARIANTS = {
  same: "whatever a reply says, it is shown as it was said",
  pieces: "and so are its pieces, wherever they are cut",
} as const;

/** How a reply comes. */
const WAYS = ["whole", "stream", "callback"] as const;
type Way = (typeof WAYS)[number];

const SHOWN_WITHIN_MS = 20_000;
const PIECES_MOST = 40;

interface Case {
  way: Way;
  text: string;
}

/** Cut at places where no one would: within pairs of surrogates too, as n8n does. */
function cut({ random }: Trial, text: string): string[] {
  const most = Math.max(3, Math.ceil((2 * text.length) / PIECES_MOST));
  const pieces: string[] = [];
  for (let from = 0; from < text.length; from += pieces.at(-1)?.length ?? 0)
    pieces.push(text.slice(from, from + 1 + random.int(most)));
  return pieces;
}

/** Waits until those who read the session see the whole text, so that the finished reply is not what brings it. */
async function untilRead(readers: readonly LiveVisitor[], messageId: string, { text, way }: Case): Promise<void> {
  const isRead = (reader: LiveVisitor) => reader.shownOf(messageId) === text;
  const read = await waitFor("the text", () => readers.every(isRead), SHOWN_WITHIN_MS).catch(() => false);
  mustHold(FRAMING_INVARIANTS.pieces, read ? [] : [`${way}: ${JSON.stringify(text.slice(0, 100))}`]);
}

async function* streamed(pieces: readonly string[], untilAllIsRead: () => Promise<void>): AsyncGenerator<string> {
  for (const content of pieces) {
    yield n8nLine({ type: "item", content });
    await pause(5);
  }
  await untilAllIsRead();
  yield n8nLine({ type: "end" });
}

/** Posts the text in pieces and then whole, as a workflow does that answers by callback. */
async function callBack(
  trial: Trial,
  call: FakeCall,
  text: string,
  untilAllIsRead: () => Promise<void>,
): Promise<void> {
  const { bot } = trial;
  const { sessionId } = call.body as { sessionId: string };
  const replyTo = messageIdOf(call);
  let offset = 0;
  // The receiver replaces half pairs, so that these pieces are cut between characters.
  for (const content of text.match(/[^]{1,4000}/gu) ?? []) {
    bot.post(`piece-${replyTo}-${offset}`, { type: "chat.reply.delta", sessionId, replyTo, offset, content });
    offset += content.length;
  }
  await untilAllIsRead();
  bot.post(`reply-${replyTo}`, { sessionId, replyTo, content: text });
}

/** Answers each message as its metadata asks for. */
function speakHostile(trial: Trial, failures: unknown[]): void {
  const { world, live } = trial;
  world.n8n.answerWith((call): FakeAnswer => {
    const { way, index } = call.body.data.metadata as { way: Way; index: number };
    const text = HOSTILE_TEXTS[index] ?? "";
    const readers = live.all.filter(({ visitor }) => visitor.sessionId === call.body.sessionId);
    const isRead = () => untilRead(readers, messageIdOf(call), { text, way });
    if (way === "whole") return { body: { output: text } };
    if (way === "stream") return { chunks: streamed(cut(trial, text), isRead) };
    void callBack(trial, call, text, isRead).catch((error: unknown) => failures.push(error));
    return { body: { message: "Workflow was started" } };
  });
}

/** The replies to it in the history are the text, and nothing else. */
async function checkReplies({ load, allow }: Trial, asked: ReadonlyMap<string, Case>): Promise<void> {
  allow({ calledBack: new Set(asked.keys()) });
  for (const visitor of load.visitors) {
    const replies = (await load.history(visitor)).filter(({ replyTo }) => replyTo !== null);
    mustHold(
      FRAMING_INVARIANTS.same,
      replies.flatMap(({ replyTo, content }) => {
        const { text, way } = asked.get(replyTo ?? "") ?? { text: undefined, way: "whole" };
        return content === text ? [] : [`${way}: ${JSON.stringify(content.slice(0, 100))}`];
      }),
    );
  }
}

async function hostile(trial: Trial): Promise<void> {
  const { load, live } = trial;
  const failures: unknown[] = [];
  const visitors = await load.open(8);
  for (const visitor of visitors) live.follow(visitor);
  await untilLive(live.all);
  speakHostile(trial, failures);
  const asked = new Map<string, Case>();
  const ask = async (way: Way, index: number) => {
    const visitor = visitors[index % visitors.length];
    if (visitor === undefined) return;
    const { message } = await load.send(visitor, { metadata: { way, index } });
    asked.set(message.id, { way, text: HOSTILE_TEXTS[index] ?? "" });
  };
  for (const way of WAYS) await Promise.all(HOSTILE_TEXTS.map((_, index) => ask(way, index)));
  await untilAllIsDone(trial, 60_000).catch((error: unknown) => {
    throw failures[0] ?? trial.world.n8n.failures[0] ?? error;
  });
  await checkReplies(trial, asked);
}

/** Replies that try to break out of their event. */
export const LIVE_FRAMING_CASES: FaultCase[] = [
  {
    name: "replies that forge events, or scripts, whole and cut into pieces anywhere: framed, and byte for byte what was said",
    calledOnce: true,
    run: hostile,
  },
];
