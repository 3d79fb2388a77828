import { newId } from "@chat-relay/core/ids";
import { webhookBody } from "@chat-relay/core/webhook-body";
import { endSession } from "@chat-relay/database/end-session";
import { readMessages } from "@chat-relay/database/read-messages";
import { givenExchanges, givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postCallback, postHistory, signedHeaders, testReceiver, type Signed } from "./testing/test-receiver.ts";

const FORGED: Signed = { key: Buffer.from("another-secret-altogether") };

let stores: TestDatabase;
let app: FastifyInstance;
let sessionId: string;
let addresses = 0;

function newAddress(): string {
  addresses += 1;
  return `198.51.100.${addresses}`;
}

beforeAll(async () => {
  stores = await createTestDatabase();
  app = testReceiver(stores.database, {
    CHAT_PAGE_SIZE: "3",
    CHAT_PAGE_SIZE_MAX: "5",
    CHAT_RATE_LIMIT_WEBHOOKS: "2/60",
  });
  sessionId = await givenSession(stores.database);
  await givenExchanges(stores.database, sessionId, 3);
});
afterAll(async () => {
  await app.close();
  await stores[Symbol.asyncDispose]();
});

async function page(body: object) {
  const response = await postHistory(app, body);
  expect(response.statusCode).toBe(200);
  const { messages, pageInfo } = response.json<{ messages: { id: string; content: string }[]; pageInfo: object }>();
  return { contents: messages.map(({ content }) => content), oldest: messages[0]?.id, pageInfo };
}

describe("what a workflow reads", () => {
  test("the newest page, oldest first, as large as by default, in the shape of the gateway's history", async () => {
    const response = await postHistory(app, { sessionId });
    const expected = await readMessages(stores.database, { sessionId, limit: 3 });
    expect(response.json()).toEqual(JSON.parse(JSON.stringify(expected)));
    expect(expected?.messages.map(({ content }) => content)).toEqual(["Answer 2", "Question 3", "Answer 3"]);
  });

  test("pages of the size asked for, back to the first message", async () => {
    const newest = await page({ sessionId, limit: 4 });
    expect(newest).toMatchObject({ contents: ["Question 2", "Answer 2", "Question 3", "Answer 3"] });
    expect(newest.pageInfo).toMatchObject({ hasMore: true, before: newest.oldest });
    const oldest = await page({ sessionId, limit: 4, before: newest.oldest });
    expect(oldest).toMatchObject({ contents: ["Question 1", "Answer 1"], pageInfo: { hasMore: false, before: null } });
  });

  test("nothing of a session without messages; `before` may be null", async () => {
    const empty = await givenSession(stores.database);
    const pageInfo = { hasMore: false, before: null, after: null };
    expect(await page({ sessionId: empty, before: null })).toMatchObject({ contents: [], pageInfo });
  });

  test("a session that is over", async () => {
    const ended = await givenSession(stores.database);
    await givenExchanges(stores.database, ended, 1);
    await endSession(stores.database, ended);
    expect(await page({ sessionId: ended })).toMatchObject({ contents: ["Question 1", "Answer 1"] });
  });

  test("the same again when the very same request comes again", async () => {
    const body = { sessionId, limit: 1 };
    const signed = { headers: signedHeaders(Buffer.from(JSON.stringify(body))) };
    const answers = [await postHistory(app, body, signed), await postHistory(app, body, signed)];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect(answers[1]?.json()).toEqual(answers[0]?.json());
  });

  test("as often as it likes: only refused requests are limited", async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => postHistory(app, { sessionId })));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
  });
});

describe("what is refused", () => {
  test.each<[string, Signed]>([
    ["no headers", { headers: { "webhook-id": undefined, "webhook-timestamp": undefined } }],
    ["another secret", FORGED],
    ["another body than was signed", { sentBody: JSON.stringify({ sessionId: newId() }) }],
    ["an old time", { ageSeconds: 301 }],
    ["another content type with another secret", { ...FORGED, contentType: "text/plain" }],
  ])("401 for %s, as a callback, and nothing is read", async (_name, options) => {
    const remoteAddress = newAddress();
    const response = await postHistory(app, { sessionId }, { ...options, remoteAddress });
    const callback = await postCallback(app, { sessionId, content: "x" }, { ...FORGED, remoteAddress });
    const without = (problem: object) => ({ ...problem, requestId: "" });
    expect(response.statusCode).toBe(401);
    expect(without(response.json())).toEqual(without(callback.json()));
  });

  test("429 once an address had too many refusals of either kind, and not for what is signed", async () => {
    const remoteAddress = newAddress();
    const forgery = { ...FORGED, remoteAddress };
    const answers = [
      await postHistory(app, { sessionId }, forgery),
      await postCallback(app, {}, forgery),
      await postHistory(app, { sessionId }, forgery),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([401, 401, 429]);
    expect(answers[2]?.headers["ratelimit"]).toMatch(/^"webhooks";r=0;t=\d+$/);
    expect(Number(answers[2]?.headers["retry-after"])).toBeGreaterThan(0);
    expect((await postHistory(app, { sessionId }, { remoteAddress })).statusCode).toBe(200);
  });

  const refused = async (body: unknown, options: Signed = {}) => {
    const response = await postHistory(app, body, options);
    expect(response.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    return response.json<{ status: number; code: string; errors?: { pointer: string }[] }>();
  };

  test("415 for another content type, 400 for what is no JSON, 413 for what is too large", async () => {
    expect(await refused({ sessionId }, { contentType: "text/plain" })).toMatchObject({ status: 415 });
    expect(await refused("{")).toMatchObject({ status: 400, code: "malformed_json" });
    expect(await refused({ sessionId, before: "x".repeat(262_145) })).toMatchObject({ status: 413 });
  });

  test.each([newId(), "no-uuid", "../../etc", "\u0000"])("404 for a session that is not known: %j", async (id) => {
    expect(await refused({ sessionId: id })).toMatchObject({ status: 404, code: "session_not_found" });
  });

  test.each([
    ["#/sessionId", {}],
    ["#/sessionId", { sessionId: 7 }],
    ["#/limit", { limit: 0 }],
    ["#/limit", { limit: 6 }],
    ["#/limit", { limit: 1.5 }],
    ["#/limit", { limit: "3" }],
    ["#/before", { before: 7 }],
    ["#/before", { before: "nothing" }],
    ["#/before", { before: newId() }],
    ["#/after", { after: newId() }],
  ])("400 at %s for %j", async (pointer, fields) => {
    const body = pointer === "#/sessionId" ? fields : { sessionId, ...fields };
    const problem = await refused(body);
    expect(problem).toMatchObject({ status: 400, code: "validation_failed" });
    expect(problem.errors?.map((error) => error.pointer)).toEqual([pointer]);
  });

  test("400 for another session's cursor", async () => {
    const { message } = await givenMessage(stores.database, await givenSession(stores.database));
    expect(await refused({ sessionId, before: message.id })).toMatchObject({ errors: [{ pointer: "#/before" }] });
  });

  test("what else is signed with the secret: a callback, a piece, a webhook to n8n", async () => {
    const { message } = await givenMessage(stores.database, await givenSession(stores.database));
    const { id: messageId, sequence, content, messageType, metadata, createdAt } = message;
    const session = { id: sessionId, userId: null, authenticated: false, metadata: {}, createdAt };
    const fields = { messageId, sequence, content, messageType, metadata, createdAt, callbackUrl: "http://receiver" };
    const others = [
      { sessionId, content: "x" },
      { type: "chat.reply.delta", sessionId, replyTo: messageId, offset: 0, content: "x" },
      webhookBody({ ...fields, session }),
    ];
    for (const body of others) expect(await refused(body)).toMatchObject({ status: 400, code: "validation_failed" });
  });
});
