import { newId } from "@chat-relay/core/ids";
import type { SessionChange } from "@chat-relay/core/session-events";
import { claimDelivery } from "@chat-relay/database/claim-delivery";
import { endSession } from "@chat-relay/database/end-session";
import { readAllMessages } from "@chat-relay/database/read-messages";
import { readSessionEvents } from "@chat-relay/database/read-session-events";
import { settleDelivery } from "@chat-relay/database/settle-delivery";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, openTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postCallback, testReceiver } from "./testing/test-receiver.ts";

let stores: TestDatabase;
let app: FastifyInstance;
let sessionId: string;

beforeAll(async () => {
  stores = await createTestDatabase();
  app = testReceiver(stores.database, { CHAT_RATE_LIMIT_DISABLED: "true" });
});
afterAll(async () => {
  await app.close();
  await stores[Symbol.asyncDispose]();
});

async function send(body: object, options: Parameters<typeof postCallback>[2] = {}) {
  const response = await postCallback(app, body, options);
  return { status: response.statusCode, body: response.json() };
}

describe("a signed callback", () => {
  test("is stored as a reply of its session", async () => {
    sessionId = await givenSession(stores.database);
    const messageId = (await givenMessage(stores.database, sessionId)).message.id;
    const { status, body } = await send({ sessionId, replyTo: messageId, content: "Grüße 👋", metadata: { a: [1] } });
    expect(status).toBe(200);
    expect(body).toEqual({ messageId: expect.any(String), sessionId, sequence: 2, duplicate: false });
    const [, reply] = await readAllMessages(stores.database, sessionId);
    expect(reply).toMatchObject({
      id: body.messageId,
      sequence: 2,
      role: "assistant",
      content: "Grüße 👋",
      messageType: "text",
      metadata: { a: [1] },
      replyTo: messageId,
      status: "received",
    });
  });

  test("may come unasked, name its type, and carry fields that are not known", async () => {
    sessionId = await givenSession(stores.database);
    const { status } = await send({
      type: "chat.reply",
      sessionId,
      replyTo: null,
      content: "By the way",
      extra: { deep: [[]] },
    });
    expect(status).toBe(200);
    const [reply] = await readAllMessages(stores.database, sessionId);
    expect(reply).toMatchObject({ sequence: 1, replyTo: null, metadata: {} });
  });

  test("answers a delivered message", async () => {
    sessionId = await givenSession(stores.database);
    const messageId = (await givenMessage(stores.database, sessionId)).message.id;
    const claimed = await claimDelivery(stores.database, { messageId, sessionId }, 5_000);
    if (claimed.kind !== "claimed") throw new Error(claimed.kind);
    const attempt = { durationMs: 1, httpStatus: 200, error: null };
    await settleDelivery(stores.database, claimed.claim, { kind: "delivered", attempt, replies: [] });
    expect((await readAllMessages(stores.database, sessionId))[0]?.status).toBe("delivered");
    expect((await send({ sessionId, replyTo: messageId, content: "Now" })).status).toBe(200);
    expect((await readAllMessages(stores.database, sessionId))[0]?.status).toBe("answered");
  });

  test("is taken for an ended session and for an expired one", async () => {
    const ended = await givenSession(stores.database);
    await endSession(stores.database, ended);
    const expired = await givenSession(stores.database, -1_000);
    for (const id of [ended, expired]) expect((await send({ sessionId: id, content: "Late" })).status).toBe(200);
  });

  test("has U+0000 and lone surrogates mended, in content and metadata", async () => {
    sessionId = await givenSession(stores.database);
    const raw = `{"sessionId":"${sessionId}","content":"a\\u0000b\\ud800c","metadata":{"k\\u0000":["\\udfff"]}}`;
    expect((await postCallback(app, raw)).statusCode).toBe(200);
    const [reply] = await readAllMessages(stores.database, sessionId);
    expect(reply).toMatchObject({ content: "a\uFFFDb\uFFFDc", metadata: { "k\uFFFD": ["\uFFFD"] } });
  });
});

test("who follows the session is told of a reply once, and of what it answered", async () => {
  sessionId = await givenSession(stores.database);
  const replyTo = (await givenMessage(stores.database, sessionId)).message.id;
  const told: (SessionChange | undefined)[] = [];
  const publisher = {
    publishReplies: () => undefined,
    publishTokens: () => undefined,
    publishChanges: (changes: (SessionChange | undefined)[]) => void told.push(...changes),
  };
  const telling = testReceiver(stores.database, {}, { publisher });
  for (let turn = 0; turn < 2; turn += 1) {
    await postCallback(telling, { sessionId, replyTo, content: "Now" }, { id: "evt_told" });
  }
  await postCallback(telling, { sessionId, replyTo: newId(), content: "Now" });
  const { events } = await readSessionEvents(stores.database, sessionId, { sequence: 1, status: 0 }, 10);
  expect(told).toEqual([{ sessionId, after: { sequence: 1, status: 0 }, events }]);
  expect(events.map(({ type }) => type)).toEqual(["message", "status"]);
  await telling.close();
});

describe("the same webhook-id again", () => {
  test("is answered as a duplicate, also with another body or one that would be refused", async () => {
    sessionId = await givenSession(stores.database);
    const id = `evt_${newId()}`;
    const first = await send({ sessionId, content: "Once" }, { id });
    const others: unknown[] = [
      { sessionId, content: "Once" },
      { sessionId, content: "Twice" },
      { sessionId: newId(), content: "Other session" },
      { sessionId: await givenSession(stores.database), content: "Another session" },
      { sessionId, content: "", metadata: 1 },
      { sessionId, replyTo: newId(), content: "x" },
      { sessionId: "nobody", content: "x" },
      "{ not json",
    ];
    for (const other of others) {
      const response = await postCallback(app, other, { id });
      expect([response.statusCode, response.json()]).toEqual([200, { ...first.body, duplicate: true }]);
    }
    expect((await postCallback(app, "plain", { id, contentType: "text/plain" })).json()).toEqual({
      ...first.body,
      duplicate: true,
    });
    expect(await readAllMessages(stores.database, sessionId)).toHaveLength(1);
  });

  test("in parallel on two receivers records one reply", async () => {
    sessionId = await givenSession(stores.database);
    await using otherPool = await openTestDatabase(stores.url);
    const other = testReceiver(otherPool, { CHAT_RATE_LIMIT_DISABLED: "true" });
    const id = `evt_${newId()}`;
    const calls = Array.from({ length: 20 }, (_, index) =>
      postCallback(index % 2 === 0 ? app : other, { sessionId, content: `Take ${index}` }, { id }),
    );
    const answers = (await Promise.all(calls)).map((response) => ({ status: response.statusCode, ...response.json() }));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    expect(new Set(answers.map((answer) => answer.messageId)).size).toBe(1);
    expect(answers.filter((answer) => !answer.duplicate)).toHaveLength(1);
    expect(await readAllMessages(stores.database, sessionId)).toHaveLength(1);
    await other.close();
  });

  test("is known to a receiver that was started since, and leaves no gap in the session", async () => {
    sessionId = await givenSession(stores.database);
    const id = `evt_${newId()}`;
    const first = await send({ sessionId, content: "Once" }, { id });
    await using freshPool = await openTestDatabase(stores.url);
    const fresh = testReceiver(freshPool);
    const again = await postCallback(fresh, { sessionId, content: "Once" }, { id });
    expect(again.json()).toEqual({ ...first.body, duplicate: true });
    expect((await send({ sessionId, content: "Next" })).body.sequence).toBe(2);
    await fresh.close();
  });
});
