import { setTimeout as pause } from "node:timers/promises";
import { LiveReader } from "@chat-relay/testkit/live-reader";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { unwatchedVisitor, SESSION_PATH, visitorHeaders } from "../rig/edge-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { untilLive, untilShown } from "../rig/live-waits.ts";
import type { Visitor } from "../rig/load.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { rawRequest } from "../rig/raw-http.ts";
import { speakForN8n } from "../rig/spoken-call.ts";
import { together } from "../rig/together.ts";
import { mustHold } from "../rig/violation.ts";

/** What must hold of readers, by the names that reports and controls use. */
export const READER_INVARIANTS = {
  reset: "who comes with an id that is none of the session's is reset, and goes on with what is there now",
  foreign: "no id and no token opens another's session",
  shown: "text is shown as it comes",
  ended: "the end of a session is told to each of its readers, once",
} as const;

const END_WITHIN_MS = 30_000;

/** A reader who does not come back. */
function readOnce(url: string, visitor: Visitor, lastEventId?: string): LiveReader {
  return new LiveReader({ url, sessionId: visitor.sessionId, token: visitor.sessionToken, lastEventId });
}

/** Three readers for each session, of which each loses its connection about once a second. */
async function dropAll({ load, live, random }: Trial): Promise<void> {
  const visitors = await load.open(20);
  for (const visitor of [...visitors, ...visitors]) live.follow(visitor);
  await untilLive(live.all);
  await meanwhile(load.steady(150, 15), async () => {
    await pause(20);
    random.pick(live.all).drop();
  });
}

/** Two sessions in which replies are being written, each with a reader who knows its ids. */
async function givenTwoReplies({ load, live, world }: Trial) {
  const of = speakForN8n(world.n8n);
  const sessions = await Promise.all(
    (await load.open(2)).map(async (visitor, index) => {
      const { message } = await load.send(visitor);
      const call = await of(message.id);
      const text = `half of reply ${index}`;
      call.say(text);
      const [reader] = [live.follow(visitor)];
      await untilShown(READER_INVARIANTS.shown, [reader], message.id, text);
      return { visitor, message, call, text, reader };
    }),
  );
  const [mine, other] = sessions;
  if (mine === undefined || other === undefined) throw new Error("no sessions");
  return { mine, other };
}

async function checkReset(trial: Trial): Promise<void> {
  const { mine, other } = await givenTwoReplies(trial);
  const { sessionId } = mine.visitor;
  const ids = ["junk", other.reader.transcript.lastEventId, `${sessionId}.999.0`, `${sessionId}.0.999`];
  const readers = trial.world.gateways.flatMap(({ url }) =>
    ids.map((id) => ({ id, reader: readOnce(url, mine.visitor, id) })),
  );
  const hasText = ({ reader }: { reader: LiveReader }) => reader.of("delta").length > 0;
  await waitFor("the text", () => readers.every(hasText), END_WITHIN_MS).catch(() => undefined);
  mine.call.finish();
  other.call.finish();
  await waitFor("the replies", () => readers.every(({ reader }) => reader.of("status").length > 0)).catch(
    () => undefined,
  );
  const wanted = ["ready", "reset", "delta", "message", "status"].join();
  const now = mine.reader.transcript.messages[0]?.sequence;
  mustHold(
    READER_INVARIANTS.reset,
    readers.flatMap(({ id, reader: { events } }) => {
      const [ready, reset, delta] = events;
      const told = events.map(({ event }) => event).join();
      const isAnew = ready?.id === `${sessionId}.${now}.0` && reset?.id === ready.id;
      const isWhole = delta?.data?.offset === 0 && delta.data.content === mine.text;
      return told === wanted && isAnew && isWhole ? [] : [`with ${id}: ${told}, ready at ${ready?.id}`];
    }),
  );
  const theirs = [other.visitor.sessionId, other.message.id, other.text];
  mustHold(
    READER_INVARIANTS.foreign,
    readers.filter(({ reader }) => theirs.some((text) => reader.raw.includes(text))).map(({ id }) => `with ${id}`),
  );
  await checkTokens(trial, mine.visitor, other.visitor);
  for (const { reader } of readers) reader.close();
}

/** Nobody reads a session with another's token. */
async function checkTokens({ world }: Trial, mine: Visitor, other: Visitor): Promise<void> {
  const thief = { sessionId: other.sessionId, sessionToken: mine.sessionToken };
  const readers = world.gateways.map(({ url }) => readOnce(url, thief, `${other.sessionId}.0.0`));
  const answers = await Promise.all(readers.map((reader) => reader.answered()));
  mustHold(
    READER_INVARIANTS.foreign,
    answers.filter((status) => status !== 403).map((status) => `with another's token: ${status}`),
  );
}

/** Readers at every gateway, of a session that is then ended. */
async function checkEnd({ world }: Trial, meanwhileDo: () => Promise<void>): Promise<void> {
  const [gateway] = world.gateways;
  if (gateway === undefined) return;
  const visitor = await unwatchedVisitor(gateway);
  const readers = [...world.gateways, ...world.gateways].map(({ url }) => readOnce(url, visitor));
  await Promise.all(readers.map((reader) => reader.until("ready")));
  await meanwhileDo();
  await rawRequest(gateway.url, { method: "DELETE", path: SESSION_PATH, headers: visitorHeaders(visitor) });
  await waitFor("the end", () => readers.every(({ closed }) => closed), END_WITHIN_MS).catch(() => undefined);
  const again = readOnce(gateway.url, visitor, readers[0]?.lastEventId);
  mustHold(READER_INVARIANTS.ended, [
    ...readers.flatMap(({ closed, events }) => {
      const told = events.map(({ event }) => event).join();
      return closed && told === "ready,end" ? [] : [`${told}, ${closed ? "closed" : "open"}`];
    }),
    ...((await again.answered()) === 410 ? [] : [`who came back was answered ${again.status}`]),
  ]);
}

/** Readers who come, go, and come back. */
export const LIVE_READER_CASES: FaultCase[] = [
  {
    name: "readers whose connections are lost again and again: at whichever gateway they come back, no gap and no repeat",
    async run(trial) {
      const { bot, live, measure } = trial;
      bot.falters = true;
      await dropAll(trial);
      measure(
        "readers dropped: streams",
        live.all.reduce((sum, { streams }) => sum + streams, 0),
      );
      measure(
        "readers dropped: pieces told",
        live.all.reduce((sum, { transcript }) => sum + transcript.text.pieces.length, 0),
      );
    },
  },
  {
    name: "a reader with an unknown, another's or a future id in the middle of a reply: reset, and nothing of another's",
    run: checkReset,
  },
  {
    name: "a session that ends: its readers are told so at every gateway, also while NATS is away",
    async run(trial) {
      const { nats } = trial.world;
      await checkEnd(trial, async () => undefined);
      await checkEnd(trial, async () => together(...nats.map(({ server }) => server.kill())));
      await together(...nats.map(({ server }) => server.start()));
    },
  },
];
