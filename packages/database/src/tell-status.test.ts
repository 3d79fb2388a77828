import { newId } from "@chat-relay/core/ids";
import type { SessionEvent } from "@chat-relay/core/session-events";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, openTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { acceptMessage } from "./accept-message.ts";
import { claimDelivery, type Claim } from "./claim-delivery.ts";
import type { Database } from "./database.ts";
import { placePiece } from "./place-piece.ts";
import { readDelivery } from "./read-deliveries.ts";
import { readSessionEvents } from "./read-session-events.ts";
import { recordReply, type NewReply } from "./record-reply.ts";
import { replayDeliveries, replayDelivery } from "./replay-deliveries.ts";
import { settleDelivery, type Settlement } from "./settle-delivery.ts";
import { expireReplies } from "./sweep-deliveries.ts";

const attempt = { durationMs: 5, httpStatus: 200, error: null };
const DELIVERED: Settlement = { kind: "delivered", attempt, replies: [] };
const FAILED: Settlement = { kind: "failed", attempt };
const RETRY: Settlement = { kind: "retry", attempt, delayMs: 0 };

let own: TestDatabase;
let database: Database;
let sessionId: string;

beforeAll(async () => {
  own = await createTestDatabase();
  database = own.database;
});
beforeEach(async () => {
  sessionId = await givenSession(database);
});
afterAll(() => own[Symbol.asyncDispose]());

const given = async () => (await givenMessage(database, sessionId)).message.id;

async function claimed(messageId: string, leaseMs = 60_000): Promise<Claim> {
  const result = await claimDelivery(database, { messageId, sessionId }, leaseMs);
  if (result.kind !== "claimed") throw new Error(`not claimed: ${JSON.stringify(result)}`);
  return result.claim;
}

async function settled(claim: Claim, settlement: Settlement) {
  const result = await settleDelivery(database, claim, settlement);
  if (result.kind !== "settled") throw new Error(result.kind);
  return result;
}

const reply = (replyTo: string | null): NewReply => {
  return { id: newId(), sessionId, replyTo, content: "Hi", messageType: "text", metadata: {}, callbackId: newId() };
};

async function recorded(replyTo: string | null, by = database) {
  const result = await recordReply(by, reply(replyTo));
  if (result.kind !== "recorded") throw new Error(result.kind);
  return result;
}

const brief = (events: SessionEvent[]) =>
  events.map(({ type, position: { sequence, status }, data }) =>
    type === "message"
      ? `${sequence}.${status} ${data.role}`
      : `${sequence}.${status} ${data.status} after ${data.attempts}`,
  );
const stored = async () =>
  brief((await readSessionEvents(database, sessionId, { sequence: 0, status: 0 }, 1_000)).events);

describe("what a session's visitor is told", () => {
  test("of a message that was accepted", async () => {
    await given();
    const message = { id: newId(), sessionId, content: "Hi", messageType: "text", metadata: { a: 1 } } as const;
    const rest = { idempotencyKey: null, callbackUrl: "http://127.0.0.1/", sessionTtlMs: 60_000 };
    const result = await acceptMessage(database, { ...message, ...rest });
    if (result.kind !== "accepted") throw new Error(result.kind);
    const position = { sequence: 2, status: 0 };
    expect(result.change).toEqual({
      sessionId,
      after: { sequence: 1, status: 0 },
      events: [{ type: "message", position, data: result.message }],
    });
    expect((await readSessionEvents(database, sessionId, result.change.after ?? position, 9)).events).toEqual(
      result.change.events,
    );
  });

  test("of an answer: its replies, then that the message is answered", async () => {
    const { change, replies } = await settled(await claimed(await given()), { ...DELIVERED, replies: ["one", "two"] });
    expect(change?.after).toEqual({ sequence: 1, status: 0 });
    expect(change?.events.map(({ data }) => data).slice(0, 2)).toEqual(replies);
    expect(brief(change?.events ?? [])).toEqual(["2.0 assistant", "3.0 assistant", "3.1 answered after 1"]);
    expect(await stored()).toEqual(["1.0 user", ...brief(change?.events ?? [])]);
  });

  test("of each attempt that failed, and of a replay", async () => {
    const id = await given();
    await settled(await claimed(id), RETRY);
    const { change } = await settled(await claimed(id), FAILED);
    expect(change).toMatchObject({
      after: { sequence: 1, status: 1 },
      events: [{ position: { sequence: 1, status: 2 } }],
    });
    expect(await replayDelivery(database, id, sessionId)).toMatchObject({ replayed: 1, sessionIds: [sessionId] });
    expect(await replayDelivery(database, id, sessionId)).toMatchObject({ replayed: 0, sessionIds: [] });
    await settled(await claimed(id), DELIVERED);
    expect(await stored()).toEqual([
      "1.0 user",
      "1.1 queued after 1",
      "1.2 failed after 2",
      "1.3 queued after 2",
      "1.4 delivered after 3",
    ]);
  });

  test("of each of several messages that are replayed at once", async () => {
    const ids = [await given(), await given(), await given()];
    for (const id of ids) await settled(await claimed(id), FAILED);
    const batches = [];
    for await (const batch of replayDeliveries(database, { status: "failed", sessionId }, 2)) batches.push(batch);
    expect(batches).toMatchObject([{ sessionIds: [sessionId] }, { sessionIds: [sessionId] }]);
    expect((await stored()).slice(-3)).toEqual(["3.4 queued after 1", "3.5 queued after 1", "3.6 queued after 1"]);
  });

  test("of a reply by callback, and that its message is answered by the first of several", async () => {
    const id = await given();
    await settled(await claimed(id), DELIVERED);
    const { change } = await recorded(id);
    expect(change.after).toEqual({ sequence: 1, status: 1 });
    expect(brief(change.events)).toEqual(["2.1 assistant", "2.2 answered after 1"]);
    const second = await recorded(id);
    expect(second.change.after).toEqual({ sequence: 2, status: 2 });
    expect(brief(second.change.events)).toEqual(["3.2 assistant"]);
    const unasked = await recorded(null);
    expect(brief(unasked.change.events)).toEqual(["4.2 assistant"]);
    expect((await stored()).slice(2)).toEqual(
      [change, second.change, unasked.change].flatMap(({ events }) => brief(events)),
    );
  });

  test("once that it is answered, when many replies come at the same moment", async () => {
    const id = await given();
    const results = await Promise.all(Array.from({ length: 9 }, () => recorded(id)));
    const announced = results.flatMap(({ change }) => change.events.filter(({ type }) => type === "status"));
    expect(announced).toHaveLength(1);
    expect((await stored()).filter((text) => text.includes("answered"))).toEqual(["2.1 answered after 0"]);
  });

  test("nothing more of an attempt whose message was answered meanwhile", async () => {
    const id = await given();
    const claim = await claimed(id);
    await recorded(id);
    const { change, status } = await settled(claim, RETRY);
    expect([status, change]).toEqual(["answered", undefined]);
    const next = await given();
    const answer = await settled(await claimed(next), { ...DELIVERED, replies: ["one"] });
    expect(answer.change?.after).toEqual({ sequence: 3, status: 1 }); // no number was set aside in vain
    expect(brief(answer.change?.events ?? [])).toEqual(["4.1 assistant", "4.2 answered after 1"]);
  });

  test("a late answer's replies, when a callback was first", async () => {
    const id = await given();
    const claim = await claimed(id);
    await recorded(id);
    const { change } = await settled(claim, { ...DELIVERED, replies: ["late"] });
    expect(change?.after).toEqual({ sequence: 2, status: 1 });
    expect(brief(change?.events ?? [])).toEqual(["3.1 assistant"]);
  });

  test("nothing of an attempt that was handed back", async () => {
    const id = await given();
    expect((await settled(await claimed(id), { kind: "handed_back", delayMs: 0 })).change).toBeUndefined();
    const { change } = await settled(await claimed(id), DELIVERED);
    expect(change?.after).toEqual({ sequence: 1, status: 0 });
    expect(await stored()).toEqual(["1.0 user", "1.1 delivered after 1"]);
  });

  test("that an attempt was lost, by whoever claims after it", async () => {
    const id = await given();
    await claimed(id, 0);
    const result = await claimDelivery(database, { messageId: id, sessionId }, 60_000);
    expect(result).toMatchObject({ kind: "claimed", foundLost: true });
    const claim = result.kind === "claimed" ? result.claim : undefined;
    expect(claim).toMatchObject({ attempt: 2, position: { sequence: 1, status: 1 } });
    if (claim === undefined) return;
    expect((await settled(claim, { kind: "exhausted" })).change?.after).toEqual({ sequence: 1, status: 1 });
    expect(await stored()).toEqual(["1.0 user", "1.1 queued after 1", "1.2 failed after 1"]);
  });

  test("nothing of a lost attempt whose message was answered, nor of a first claim", async () => {
    const id = await given();
    const first = await claimDelivery(database, { messageId: id, sessionId }, 0);
    expect(first).toMatchObject({ foundLost: false, claim: { position: { sequence: 1, status: 0 } } });
    await recorded(id);
    const second = await claimDelivery(database, { messageId: id, sessionId }, 0);
    expect(second).toMatchObject({ foundLost: false, claim: { answered: true, position: { sequence: 2, status: 1 } } });
    expect((await readDelivery(database, id))?.attempts).toMatchObject([{ number: 1, outcome: "retry" }]);
  });

  test("that no reply came in time, and the session it was in", async () => {
    const ids = [await given(), await given()];
    for (const id of ids) await settled(await claimed(id), DELIVERED);
    expect(await expireReplies(database, 3_600_000, 10)).toEqual([]);
    const own = await waitFor("the time to pass", async () => {
      const expired = (await expireReplies(database, 0, 100)).filter((id) => id === sessionId);
      return expired.length > 0 && expired;
    });
    expect(own).toEqual([sessionId, sessionId]);
    expect((await stored()).slice(-2)).toEqual(["2.3 unanswered after 1", "2.4 unanswered after 1"]);
  });
});

/** Runs them so that each waits for the session's row when the one before it has got it; all have begun by then. */
async function inOneQueue<T>(...work: (() => Promise<T>)[]): Promise<T[]> {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const { promise: locked, resolve: lock } = Promise.withResolvers<void>();
  const gate = database.transaction(async (query) => {
    await query({ name: "", text: "SELECT 1 FROM chat_session WHERE id = $1 FOR UPDATE" }, [sessionId]);
    lock();
    await opened;
  });
  await locked;
  const running: Promise<T>[] = [];
  for (const begin of work) {
    running.push(begin());
    await waitFor("it to wait", async () => (await waiting()) === running.length);
  }
  open();
  await gate;
  return Promise.all(running);
}

async function waiting(): Promise<number> {
  const text = `SELECT count(*) AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  const [row] = await database.query<{ waiting: number }>({ name: "", text }, []);
  return row?.waiting ?? 0;
}

describe("who waited for the session's row sees what happened meanwhile", () => {
  test("a claim: that the attempt was handed back, not lost", async () => {
    const id = await given();
    const claim = await claimed(id, 0); // its lease has run out, and it is alive all the same
    const [, result] = await inOneQueue<unknown>(
      () => settleDelivery(database, claim, { kind: "handed_back", delayMs: 0 }),
      () => claimDelivery(database, { messageId: id, sessionId }, 60_000),
    );
    expect(result).toMatchObject({ kind: "claimed", foundLost: false, claim: { attempt: 1 } });
    expect((await readDelivery(database, id))?.attempts).toEqual([]);
    expect(await stored()).toEqual(["1.0 user"]);
  });

  test("a reply: that another answered the message", async () => {
    const id = await given();
    await using elsewhere = await openTestDatabase(own.url); // at one receiver, the second would come after the first
    const [first, second] = await inOneQueue(
      () => recorded(id),
      () => recorded(id, elsewhere),
    );
    expect(brief(first?.change.events ?? [])).toEqual(["2.0 assistant", "2.1 answered after 0"]);
    expect(brief(second?.change.events ?? []).map((text) => text.split(" ")[1])).toEqual(["assistant"]);
    expect((await stored()).filter((text) => text.includes("answered"))).toHaveLength(1);
  });

  test("an attempt that is settled: that a callback answered the message", async () => {
    const id = await given();
    const claim = await claimed(id);
    const [, result] = await inOneQueue<unknown>(
      () => recorded(id),
      () => settleDelivery(database, claim, FAILED),
    );
    expect(result).toMatchObject({ kind: "settled", status: "answered", change: undefined });
    expect((await stored()).filter((text) => text.includes(" after "))).toEqual(["2.1 answered after 1"]);
  });
});

test("the look for replies that are due passes over a session that is busy, and waits for none", async () => {
  const id = await given();
  await settled(await claimed(id), DELIVERED);
  const mine = async () => (await expireReplies(database, 0, 100)).includes(sessionId);
  await database.transaction(async (query) => {
    await query({ name: "", text: "SELECT 1 FROM chat_session WHERE id = $1 FOR UPDATE" }, [sessionId]);
    expect(await mine()).toBe(false);
  });
  expect(await mine()).toBe(true);
});

describe("a piece of a reply", () => {
  test("belongs after the session's last message, until the message has its reply", async () => {
    const id = await given();
    await given();
    expect(await placePiece(database, sessionId, id)).toEqual({ kind: "open", afterSequence: 2 });
    await recorded(null);
    expect(await placePiece(database, sessionId, id)).toEqual({ kind: "open", afterSequence: 3 });
    await recorded(id);
    expect(await placePiece(database, sessionId, id)).toEqual({ kind: "answered" });
  });

  test("has no place with an answer in the response, nor where there is no such message", async () => {
    const id = await given();
    await settled(await claimed(id), { ...DELIVERED, replies: ["one"] });
    expect(await placePiece(database, sessionId, id)).toEqual({ kind: "answered" });
    const answer = (await recorded(null)).message.id;
    expect(await placePiece(database, sessionId, answer)).toEqual({ kind: "reply_to_conflict" });
    expect(await placePiece(database, await givenSession(database), id)).toEqual({ kind: "reply_to_conflict" });
    for (const nobody of [newId(), "nonsense", "\u0000"]) {
      expect(await placePiece(database, nobody, id)).toEqual({ kind: "session_not_found" });
      expect(await placePiece(database, sessionId, nobody)).toEqual({ kind: "reply_to_not_found" });
    }
  });

  test("still has one when all attempts failed: a late callback may answer", async () => {
    const id = await given();
    await settled(await claimed(id), FAILED);
    expect(await placePiece(database, sessionId, id)).toMatchObject({ kind: "open" });
  });
});
