import { LIVE_STREAM_NAME, pieceSubject } from "@chat-relay/core/events";
import { replyPieces, type ReplyPieces } from "@chat-relay/core/reply-pieces";
import type { StoredMsg } from "@nats-io/jetstream";
import type { Bus } from "./bus.ts";
import { BusUnavailableError } from "./errors.ts";

type BusLink = Pick<Bus, "client">;

const BATCH = 1_000;
/** The client waits without end for the rest of a batch whose server has gone. */
const BATCH_TIMEOUT_MS = 3_000;

/** Appends pieces to the live log, where every gateway finds the text so far, and sends them to those who follow. */
export async function publishPieces(bus: BusLink, pieces: ReplyPieces): Promise<void> {
  const { publisher } = bus.client();
  const payload = Buffer.from(JSON.stringify(pieces), "utf8");
  try {
    const headers = { "Nats-Msg-Id": `${pieces.replyTo}.${pieces.id}` };
    await publisher.publish(pieceSubject(pieces.sessionId, pieces.replyTo), payload, headers);
  } catch (error) {
    throw new BusUnavailableError("JetStream did not confirm a piece", { cause: error });
  }
}

function parse(stored: StoredMsg): ReplyPieces[] {
  try {
    const { data } = replyPieces.safeParse(stored.json());
    return data === undefined ? [] : [data];
  } catch {
    return [];
  }
}

async function readBatch(bus: BusLink, subject: string, from: number): Promise<StoredMsg[]> {
  const batch = await bus
    .client()
    .jsm.direct.getBatch(LIVE_STREAM_NAME, { seq: from, next_by_subj: subject, batch: BATCH });
  const timer = setTimeout(() => batch.stop(new Error("the rest of a batch did not come")), BATCH_TIMEOUT_MS);
  try {
    const messages: StoredMsg[] = [];
    for await (const message of batch) messages.push(message);
    return messages;
  } finally {
    clearTimeout(timer);
  }
}

/** The pieces of a session's replies under way, in the order in which they were sent. */
export async function readPieces(bus: BusLink, sessionId: string): Promise<ReplyPieces[]> {
  const subject = pieceSubject(sessionId, "*");
  try {
    // Most sessions have none, which one request tells.
    const first = await bus.client().jsm.direct.getMessage(LIVE_STREAM_NAME, { seq: 1, next_by_subj: subject });
    const found: ReplyPieces[] = [];
    for (let from = first?.seq; from !== undefined;) {
      const messages = await readBatch(bus, subject, from);
      found.push(...messages.flatMap(parse));
      const last = messages.at(-1);
      from = messages.length < BATCH || last === undefined ? undefined : last.seq + 1;
    }
    return found;
  } catch (error) {
    throw new BusUnavailableError("the live log cannot be read", { cause: error });
  }
}

/** Takes the pieces of a message's replies out of the live log: the finished replies are committed. */
export async function forgetPieces(bus: BusLink, sessionId: string, replyTo: string): Promise<void> {
  const subject = pieceSubject(sessionId, replyTo);
  const { jsm } = bus.client();
  try {
    // Most messages have none, and to look is cheaper than to purge, which a cluster has to agree on.
    const last = await jsm.direct.getMessage(LIVE_STREAM_NAME, { last_by_subj: subject });
    if (last !== null) await jsm.streams.purge(LIVE_STREAM_NAME, { filter: subject });
  } catch (error) {
    throw new BusUnavailableError("pieces could not be taken out of the live log", { cause: error });
  }
}
