import { newId } from "@chat-relay/core/ids";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { claimDelivery } from "./claim-delivery.ts";
import type { Database } from "./database.ts";
import { countUnpublished, markRepliesPublished, markTokensPublished, takeUnpublishedReplies } from "./outbox.ts";
import { readDelivery } from "./read-deliveries.ts";
import { recordReply } from "./record-reply.ts";
import { replayDelivery } from "./replay-deliveries.ts";
import { settleDelivery } from "./settle-delivery.ts";
import { expireReplies, sweepDeliveries, type TokenHorizon } from "./sweep-deliveries.ts";

let own: TestDatabase;
let database: Database;

beforeEach(async () => {
  own = await createTestDatabase();
  database = own.database;
});
afterEach(() => own[Symbol.asyncDispose]());

const HANDED_OUT: TokenHorizon = { pending: 7, firstSequence: 1, lastSequence: 107, deliveredSequence: 100 };

async function sweep(horizon: TokenHorizon | undefined, lostAfterMs = 0) {
  await tick();
  const found = await sweepDeliveries(database, { unpublishedAfterMs: 0, lostAfterMs, horizon, limit: 100 });
  return found.map(({ message, epoch }) => ({ id: message.id, epoch }));
}

/** Waits until PostgreSQL's clock has moved on, so that "before now" includes what was just written. */
async function tick(): Promise<void> {
  const now = async () =>
    (await database.query<{ now: string }>({ name: "now", text: "SELECT now()::timestamptz(3) AS now" }, []))[0]?.now;
  const before = await now();
  await waitFor("the clock to move", async () => (await now()) !== before);
}

async function givenPublished(streamSequence: number) {
  const sessionId = await givenSession(database);
  const { message } = await givenMessage(database, sessionId);
  await markTokensPublished(database, [{ messageId: message.id, epoch: 1, streamSequence }]);
  return { sessionId, id: message.id };
}

describe("sweeping", () => {
  test("finds an unpublished token, keeps its epoch, and leaves it alone right after", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    await givenMessage(database, sessionId);
    expect(await sweep(undefined)).toEqual([{ id: message.id, epoch: 1 }]);
    const again = await sweepDeliveries(database, {
      unpublishedAfterMs: 5_000,
      lostAfterMs: 0,
      horizon: undefined,
      limit: 9,
    });
    expect(again).toEqual([]);
  });

  test("gives a token that was handed out and came to nothing a new epoch", async () => {
    const { id } = await givenPublished(50);
    expect(await sweep(HANDED_OUT)).toEqual([{ id, epoch: 2 }]);
  });

  test("leaves a token that still waits its turn in the stream", async () => {
    await givenPublished(101);
    expect(await sweep(HANDED_OUT)).toEqual([]);
  });

  test("finds tokens that a wiped, restored or trimmed stream no longer holds", async () => {
    const { id } = await givenPublished(107);
    expect(await sweep(HANDED_OUT)).toEqual([]);
    expect(await sweep({ ...HANDED_OUT, pending: 0, lastSequence: 100 })).toEqual([{ id, epoch: 2 }]);
    await markTokensPublished(database, [{ messageId: id, epoch: 2, streamSequence: 300 }]);
    expect(await sweep(HANDED_OUT)).toEqual([{ id, epoch: 3 }]);
    await markTokensPublished(database, [{ messageId: id, epoch: 3, streamSequence: 150 }]);
    expect(await sweep({ ...HANDED_OUT, firstSequence: 200, lastSequence: 300 })).toEqual([{ id, epoch: 4 }]);
  });

  test("leaves a token alone that was on its way a moment ago", async () => {
    await givenPublished(50);
    expect(await sweep(HANDED_OUT, 5_000)).toEqual([]);
  });

  test("leaves a published token alone while the bus or n8n is away", async () => {
    await givenPublished(50);
    expect(await sweep(undefined)).toEqual([]);
  });

  test("leaves one alone that is under way or waits for its retry", async () => {
    const underWay = await givenPublished(50);
    await claimDelivery(database, { messageId: underWay.id, sessionId: underWay.sessionId }, 60_000);
    const retrying = await givenPublished(51);
    const result = await claimDelivery(database, { messageId: retrying.id, sessionId: retrying.sessionId }, 60_000);
    if (result.kind !== "claimed") throw new Error("not claimed");
    const attempt = { durationMs: 1, httpStatus: 500, error: "n8n answered 500" };
    await settleDelivery(database, result.claim, { kind: "retry", attempt, delayMs: 60_000 });
    expect(await sweep(HANDED_OUT)).toEqual([]);
  });

  test("by several at once publishes each token once", async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, async () => (await givenPublished(50)).id));
    await database.query(
      { name: "", text: "UPDATE chat_webhook_queue SET announced_at = now() - interval '1 hour'" },
      [],
    );
    const options = { unpublishedAfterMs: 5_000, lostAfterMs: 0, horizon: HANDED_OUT, limit: 100 };
    const found = (await Promise.all([1, 2, 3].map(() => sweepDeliveries(database, options)))).flat();
    expect(found.map(({ message }) => message.id).toSorted()).toEqual(ids.toSorted());
  });
});

describe("sweeping beside others", () => {
  test("passes over a token that another sweep has just taken", async () => {
    await givenSession(database).then((sessionId) => givenMessage(database, sessionId));
    await tick();
    const options = { unpublishedAfterMs: 0, lostAfterMs: 0, horizon: undefined, limit: 9 };
    await database.transaction(async (query) => {
      expect(await sweepDeliveries({ query }, options)).toHaveLength(1);
      expect(await sweepDeliveries(database, options)).toEqual([]);
    });
  });

  test("leaves one alone that is under way, though its claim looks old", async () => {
    const { id, sessionId } = await givenPublished(50);
    await claimDelivery(database, { messageId: id, sessionId }, 60_000);
    expect(await sweep(HANDED_OUT, -120_000)).toEqual([]);
  });

  test("leaves one alone whose turn a replayed message has taken", async () => {
    const sessionId = await givenSession(database);
    const first = await givenMessage(database, sessionId);
    const result = await claimDelivery(database, { messageId: first.message.id, sessionId }, 60_000);
    if (result.kind !== "claimed") throw new Error("not claimed");
    const attempt = { durationMs: 1, httpStatus: 500, error: "n8n answered 500" };
    await settleDelivery(database, result.claim, { kind: "failed", attempt });
    const second = await givenMessage(database, sessionId);
    await markTokensPublished(database, [{ messageId: second.message.id, epoch: 1, streamSequence: 2 }]);
    await replayDelivery(database, first.message.id, sessionId);
    expect(await sweep(HANDED_OUT)).toEqual([{ id: first.message.id, epoch: 2 }]);
  });
});

describe("the outbox", () => {
  test("counts what is not on the bus, messages behind another too", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    await givenMessage(database, sessionId);
    expect(await countUnpublished(database, 100, true)).toBe(2);
    expect(await countUnpublished(database, 100, false)).toBe(1);
    await markTokensPublished(database, [{ messageId: message.id, epoch: 1, streamSequence: 1 }]);
    expect(await countUnpublished(database, 100, true)).toBe(1);
  });

  test("does not take an older token's mark for the present one's", async () => {
    const { id } = await givenPublished(50);
    await sweep(HANDED_OUT);
    await markTokensPublished(database, [{ messageId: id, epoch: 1, streamSequence: 50 }]);
    expect(await countUnpublished(database, 100, true)).toBe(1);
  });

  test("keeps a reply until its event is on the bus", async () => {
    const sessionId = await givenSession(database);
    const reply = {
      id: newId(),
      sessionId,
      replyTo: null,
      content: "Hi",
      messageType: "text" as const,
      metadata: {},
      callbackId: newId(),
    };
    await recordReply(database, reply);
    await tick();
    expect(await takeUnpublishedReplies(database, 0, 10)).toMatchObject([
      { id: reply.id, content: "Hi", status: "received" },
    ]);
    expect(await takeUnpublishedReplies(database, 5_000, 10)).toEqual([]);
    await markRepliesPublished(database, [reply.id]);
    expect(await countUnpublished(database, 100, true)).toBe(0);
  });
});

test("a delivered message without a reply in time is unanswered, and a late reply still answers it", async () => {
  const sessionId = await givenSession(database);
  const { message } = await givenMessage(database, sessionId);
  const result = await claimDelivery(database, { messageId: message.id, sessionId }, 60_000);
  if (result.kind !== "claimed") throw new Error("not claimed");
  await settleDelivery(database, result.claim, {
    kind: "delivered",
    attempt: { durationMs: 1, httpStatus: 200, error: null },
    replies: [],
  });
  expect(await expireReplies(database, 60_000, 10)).toEqual([]);
  await tick();
  expect(await expireReplies(database, 0, 10)).toEqual([sessionId]);
  expect((await readDelivery(database, message.id))?.status).toBe("unanswered");
  const reply = {
    id: newId(),
    sessionId,
    replyTo: message.id,
    content: "Hi",
    messageType: "text" as const,
    metadata: {},
    callbackId: newId(),
  };
  await recordReply(database, reply);
  expect((await readDelivery(database, message.id))?.status).toBe("answered");
});
