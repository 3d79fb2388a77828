import { newId } from "@chat-relay/core/ids";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimDelivery, type Claim } from "./claim-delivery.ts";
import type { Database } from "./database.ts";
import { readAllMessages } from "./read-messages.ts";
import { readDelivery } from "./read-deliveries.ts";
import { recordReply, type NewReply } from "./record-reply.ts";
import { renewLeases } from "./renew-leases.ts";
import { replayDelivery } from "./replay-deliveries.ts";
import { settleDelivery, type Settlement } from "./settle-delivery.ts";

const LEASE_MS = 60_000;
const ATTEMPT = { durationMs: 5, httpStatus: 200, error: null };
const DELIVERED: Settlement = { kind: "delivered", attempt: ATTEMPT, replies: [] };
const REFUSED = { durationMs: 5, httpStatus: 500, error: "n8n answered 500" };

let own: TestDatabase;
let database: Database;

beforeAll(async () => {
  own = await createTestDatabase();
  database = own.database;
});
afterAll(() => own[Symbol.asyncDispose]());

async function claimed(messageId: string, sessionId: string, leaseMs = LEASE_MS): Promise<Claim> {
  const result = await claimDelivery(database, { messageId, sessionId }, leaseMs);
  if (result.kind !== "claimed") throw new Error(`not claimed: ${JSON.stringify(result)}`);
  return result.claim;
}

function callback(sessionId: string, replyTo: string | null, callbackId: string = newId()): NewReply {
  return { id: newId(), sessionId, replyTo, content: "Hi", messageType: "text", metadata: {}, callbackId };
}

describe("accepting", () => {
  test("many at once get gapless sequences, and only the first is announced", async () => {
    const sessionId = await givenSession(database);
    const accepted = await Promise.all(Array.from({ length: 20 }, () => givenMessage(database, sessionId)));
    const sequences = accepted.map(({ message }) => message.sequence).toSorted((a, b) => a - b);
    expect(sequences).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    const announced = accepted.filter(({ epoch }) => epoch !== null);
    expect(announced.map(({ message }) => message.sequence)).toEqual([1]);
  });
});

describe("claiming", () => {
  test("of many that claim the same message at once, one gets it", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    const ids = { messageId: message.id, sessionId };
    const results = await Promise.all(Array.from({ length: 8 }, () => claimDelivery(database, ids, LEASE_MS)));
    expect(results.filter((result) => result.kind === "claimed")).toHaveLength(1);
    const others = results.filter((result) => result.kind === "not_now");
    expect(others).toHaveLength(7);
    for (const other of others) expect(other.retryInMs).toBeGreaterThan(LEASE_MS - 10_000);
  });

  test("a message behind another is not claimed", async () => {
    const sessionId = await givenSession(database);
    await givenMessage(database, sessionId);
    const second = await givenMessage(database, sessionId);
    const result = await claimDelivery(database, { messageId: second.message.id, sessionId }, LEASE_MS);
    expect(result).toEqual({ kind: "not_mine" });
  });

  test("tells the webhook everything, the attempt counted before the call", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId, "Grüße 👋");
    const claim = await claimed(message.id, sessionId);
    expect(claim).toMatchObject({ attempt: 1, budgetUsed: 1, leaseToken: 1 });
    expect(claim.message).toEqual({
      messageId: message.id,
      sequence: 1,
      content: "Grüße 👋",
      messageType: "text",
      metadata: {},
      createdAt: message.createdAt,
      callbackUrl: "http://127.0.0.1:3001/api/chat/webhook",
      session: { id: sessionId, userId: null, authenticated: false, metadata: {}, createdAt: expect.any(String) },
    });
  });

  test("a claim whose holder died is taken over, its attempt logged as lost", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    await claimed(message.id, sessionId, 100);
    const ids = { messageId: message.id, sessionId };
    const second = await waitFor("lease to end", async () => {
      const result = await claimDelivery(database, ids, LEASE_MS);
      return result.kind === "claimed" ? result.claim : false;
    });
    expect(second).toMatchObject({ attempt: 2, leaseToken: 2 });
    const delivery = await readDelivery(database, message.id);
    expect(delivery?.attempts).toMatchObject([{ number: 1, outcome: "retry", httpStatus: null }]);
  });

  test("a message is not claimed before its retry is due", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    const claim = await claimed(message.id, sessionId);
    await settleDelivery(database, claim, { kind: "retry", attempt: REFUSED, delayMs: 30_000 });
    const result = await claimDelivery(database, { messageId: message.id, sessionId }, LEASE_MS);
    expect(result.kind).toBe("not_now");
    expect(result.kind === "not_now" && result.retryInMs).toBeGreaterThan(20_000);
  });
});

describe("settling", () => {
  test("stores the replies in order, answers the message and announces the next", async () => {
    const sessionId = await givenSession(database);
    const first = await givenMessage(database, sessionId);
    const second = await givenMessage(database, sessionId);
    const claim = await claimed(first.message.id, sessionId);
    const result = await settleDelivery(database, claim, {
      kind: "delivered",
      attempt: ATTEMPT,
      replies: ["one", "two"],
    });
    expect(result).toMatchObject({
      kind: "settled",
      replies: [
        { content: "one", sequence: 3 },
        { content: "two", sequence: 4 },
      ],
      announcements: [{ message: { id: second.message.id }, epoch: 1 }],
    });
    const messages = await readAllMessages(database, sessionId);
    expect(messages.map(({ content, status, replyTo }) => ({ content, status, replyTo }))).toEqual([
      { content: "Hello!", status: "answered", replyTo: null },
      { content: "Hello!", status: "queued", replyTo: null },
      { content: "one", status: "received", replyTo: first.message.id },
      { content: "two", status: "received", replyTo: first.message.id },
    ]);
  });

  test("by a holder that was overtaken changes nothing", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    const stale = await claimed(message.id, sessionId, 100);
    const ids = { messageId: message.id, sessionId };
    const fresh = await waitFor("lease to end", async () => {
      const result = await claimDelivery(database, ids, LEASE_MS);
      return result.kind === "claimed" ? result.claim : false;
    });
    const settlement: Settlement = { kind: "delivered", attempt: ATTEMPT, replies: ["stale"] };
    expect(await settleDelivery(database, stale, settlement)).toEqual({ kind: "fenced" });
    expect(await readAllMessages(database, sessionId)).toHaveLength(1);
    expect((await settleDelivery(database, fresh, DELIVERED)).kind).toBe("settled");
  });

  test("twice, as after a lost COMMIT answer, has one effect", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    const claim = await claimed(message.id, sessionId);
    const settlement: Settlement = { kind: "retry", attempt: REFUSED, delayMs: 100 };
    expect((await settleDelivery(database, claim, settlement)).kind).toBe("settled");
    expect(await settleDelivery(database, claim, { kind: "failed", attempt: REFUSED })).toEqual({ kind: "fenced" });
    expect((await readDelivery(database, message.id))?.status).toBe("queued");
  });

  test("a hand-back does not count as an attempt", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    await settleDelivery(database, await claimed(message.id, sessionId), { kind: "handed_back", delayMs: 0 });
    const again = await claimed(message.id, sessionId);
    expect(again).toMatchObject({ attempt: 1, budgetUsed: 1 });
    expect((await readDelivery(database, message.id))?.attempts).toEqual([]);
  });

  test("a failed message lets the session go on", async () => {
    const sessionId = await givenSession(database);
    const first = await givenMessage(database, sessionId);
    const second = await givenMessage(database, sessionId);
    const claim = await claimed(first.message.id, sessionId);
    const result = await settleDelivery(database, claim, { kind: "failed", attempt: REFUSED });
    expect(result).toMatchObject({ announcements: [{ message: { id: second.message.id } }] });
    expect((await readDelivery(database, first.message.id))?.attempts).toMatchObject([
      { outcome: "failed", httpStatus: 500 },
    ]);
  });

  test("racing with accepted messages leaves none without its turn", async () => {
    const sessionId = await givenSession(database);
    const first = await givenMessage(database, sessionId);
    const claim = await claimed(first.message.id, sessionId);
    const [settled, ...accepted] = await Promise.all([
      settleDelivery(database, claim, DELIVERED),
      ...Array.from({ length: 6 }, () => givenMessage(database, sessionId)),
    ]);
    const bySettling = settled.kind === "settled" ? settled.announcements.map((item) => item.message.sequence) : [];
    const byAccepting = accepted.filter((item) => item.epoch !== null).map((item) => item.message.sequence);
    expect([...bySettling, ...byAccepting]).toEqual([2]);
  });
});

describe("leases", () => {
  test("only those that are still held are renewed", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    const claim = await claimed(message.id, sessionId);
    expect(await renewLeases(database, [claim], LEASE_MS)).toEqual(new Set([sessionId]));
    expect(await renewLeases(database, [{ ...claim, leaseToken: 7 }], LEASE_MS)).toEqual(new Set());
    await settleDelivery(database, claim, DELIVERED);
    expect(await renewLeases(database, [claim], LEASE_MS)).toEqual(new Set());
  });
});

describe("recording a reply", () => {
  test("answers the message it replies to", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    await settleDelivery(database, await claimed(message.id, sessionId), DELIVERED);
    expect((await readAllMessages(database, sessionId))[0]?.status).toBe("delivered");
    const result = await recordReply(database, callback(sessionId, message.id));
    expect(result).toMatchObject({
      kind: "recorded",
      message: { sequence: 2, role: "assistant", replyTo: message.id },
    });
    expect((await readAllMessages(database, sessionId))[0]?.status).toBe("answered");
  });

  test("that overtakes the webhook's own response keeps the message answered", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    const claim = await claimed(message.id, sessionId);
    await recordReply(database, callback(sessionId, message.id));
    expect((await readAllMessages(database, sessionId))[0]?.status).toBe("answered");
    await settleDelivery(database, claim, DELIVERED);
    expect((await readDelivery(database, message.id))?.status).toBe("answered");
  });

  test("that came before its webhook was lost makes another call needless", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    const next = await givenMessage(database, sessionId);
    const lost = await claimed(message.id, sessionId);
    await recordReply(database, callback(sessionId, message.id));
    await settleDelivery(database, lost, { kind: "handed_back", delayMs: 0 });
    expect((await readDelivery(database, message.id))?.status).toBe("answered");
    expect(await claimDelivery(database, { messageId: message.id, sessionId }, LEASE_MS)).toEqual({ kind: "not_mine" });
    await claimed(next.message.id, sessionId);
  });

  test("that comes between two attempts settles the message and lets the session go on at once", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    const next = await givenMessage(database, sessionId);
    await settleDelivery(database, await claimed(message.id, sessionId), {
      kind: "retry",
      attempt: REFUSED,
      delayMs: 3_600_000,
    });
    const result = await recordReply(database, callback(sessionId, message.id));
    expect(result).toMatchObject({ kind: "recorded", announcements: [{ message: { id: next.message.id }, epoch: 1 }] });
    expect((await readDelivery(database, message.id))?.status).toBe("answered");
    await claimed(next.message.id, sessionId);
  });

  test("that came before its attempt failed settles the message", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    const claim = await claimed(message.id, sessionId);
    await recordReply(database, callback(sessionId, message.id));
    await settleDelivery(database, claim, { kind: "retry", attempt: REFUSED, delayMs: 100 });
    expect(await readDelivery(database, message.id)).toMatchObject({
      status: "answered",
      attempts: [{ httpStatus: 500, outcome: "failed" }],
    });
  });

  test("with the same callback id, many at once, is recorded once", async () => {
    const sessionId = await givenSession(database);
    const callbackId = newId();
    const results = await Promise.all(
      Array.from({ length: 6 }, () => recordReply(database, callback(sessionId, null, callbackId))),
    );
    const kinds = results.map((result) => result.kind).toSorted();
    expect(kinds).toEqual([...Array<string>(5).fill("duplicate"), "recorded"]);
    const messages = await readAllMessages(database, sessionId);
    expect(messages.map((message) => message.sequence)).toEqual([1]);
    await recordReply(database, callback(sessionId, null));
    expect((await readAllMessages(database, sessionId)).map((message) => message.sequence)).toEqual([1, 2]);
  });

  test("is refused for an unknown session, an unknown message, another session's message and a reply", async () => {
    const sessionId = await givenSession(database);
    const other = await givenMessage(database, await givenSession(database));
    const reply = await recordReply(database, callback(sessionId, null));
    const replyId = reply.kind === "recorded" ? reply.message.id : "";
    const kind = async (given: NewReply) => (await recordReply(database, given)).kind;
    expect(await kind(callback(newId(), null))).toBe("session_not_found");
    expect(await kind(callback("nonsense", null))).toBe("session_not_found");
    expect(await kind(callback(sessionId, newId()))).toBe("reply_to_not_found");
    expect(await kind(callback(sessionId, "nonsense"))).toBe("reply_to_not_found");
    expect(await kind(callback(sessionId, other.message.id))).toBe("reply_to_conflict");
    expect(await kind(callback(sessionId, replyId))).toBe("reply_to_conflict");
  });
});

describe("replaying", () => {
  async function givenFailed(sessionId: string): Promise<string> {
    const { message } = await givenMessage(database, sessionId);
    await settleDelivery(database, await claimed(message.id, sessionId), { kind: "failed", attempt: REFUSED });
    return message.id;
  }

  test("gives a fresh budget and counts attempts on", async () => {
    const sessionId = await givenSession(database);
    const messageId = await givenFailed(sessionId);
    const result = await replayDelivery(database, messageId, sessionId);
    expect(result).toMatchObject({ replayed: 1, announcements: [{ message: { id: messageId }, epoch: 2 }] });
    expect(await claimed(messageId, sessionId)).toMatchObject({ attempt: 2, budgetUsed: 1 });
  });

  test("of a message that is not failed does nothing", async () => {
    const sessionId = await givenSession(database);
    const { message } = await givenMessage(database, sessionId);
    expect(await replayDelivery(database, message.id, sessionId)).toEqual({
      replayed: 0,
      sessionIds: [],
      announcements: [],
    });
  });

  test("an earlier message goes before a later one that waits, and never beside one under way", async () => {
    const sessionId = await givenSession(database);
    const failed = await givenFailed(sessionId);
    const underWay = await givenMessage(database, sessionId);
    const waiting = await givenMessage(database, sessionId);
    const claim = await claimed(underWay.message.id, sessionId);
    expect((await replayDelivery(database, failed, sessionId)).announcements).toEqual([]);
    const settled = await settleDelivery(database, claim, DELIVERED);
    expect(settled).toMatchObject({ announcements: [{ message: { id: failed } }] });
    const then = await settleDelivery(database, await claimed(failed, sessionId), DELIVERED);
    expect(then).toMatchObject({ announcements: [{ message: { id: waiting.message.id } }] });
  });

  test("an earlier message goes before a later one that waits for its retry", async () => {
    const sessionId = await givenSession(database);
    const failed = await givenFailed(sessionId);
    const later = await givenMessage(database, sessionId);
    const retry: Settlement = { kind: "retry", attempt: REFUSED, delayMs: 60_000 };
    await settleDelivery(database, await claimed(later.message.id, sessionId), retry);
    expect((await replayDelivery(database, failed, sessionId)).announcements).toMatchObject([
      { message: { id: failed } },
    ]);
    const result = await claimDelivery(database, { messageId: later.message.id, sessionId }, LEASE_MS);
    expect(result.kind).toBe("not_mine");
    const settled = await settleDelivery(database, await claimed(failed, sessionId), DELIVERED);
    expect(settled).toMatchObject({ announcements: [{ message: { id: later.message.id }, epoch: 2 }] });
    expect((await claimDelivery(database, { messageId: later.message.id, sessionId }, LEASE_MS)).kind).toBe("not_now");
  });
});
