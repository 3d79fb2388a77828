import { newId } from "@chat-relay/core/ids";
import { readAllMessages } from "@chat-relay/database/read-messages";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postCallback, testReceiver } from "./testing/test-receiver.ts";

let stores: TestDatabase;
let app: FastifyInstance;
let sessionId: string;

beforeAll(async () => {
  stores = await createTestDatabase();
  app = testReceiver(stores.database, { CHAT_RATE_LIMIT_DISABLED: "true" });
  sessionId = await givenSession(stores.database);
});
afterAll(async () => {
  expect(await readAllMessages(stores.database, sessionId)).toEqual([]);
  await app.close();
  await stores[Symbol.asyncDispose]();
});

async function refused(body: unknown, options: Parameters<typeof postCallback>[2] = {}) {
  const response = await postCallback(app, body, options);
  expect(response.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
  expect(response.headers["x-request-id"]).toBe(response.json().requestId);
  return { status: response.statusCode, ...response.json() };
}

describe("a signed callback that cannot be taken", () => {
  test.each([
    ["another content type", "text/plain"],
    ["one that only starts like JSON", "application/jsonp"],
    ["an unreadable one", "application/json, text/plain"],
    ["nonsense", ";;;"],
    ["none", undefined],
  ])("415 for %s", async (_name, contentType) => {
    const problem = await refused({ sessionId, content: "x" }, { contentType });
    expect(problem).toMatchObject({ status: 415, code: "unsupported_media_type" });
  });

  test.each(["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;charset=UTF-8"])(
    "no refusal for the content type %s",
    async (contentType) => {
      const other = await givenSession(stores.database);
      expect((await postCallback(app, { sessionId: other, content: "x" }, { contentType })).statusCode).toBe(200);
    },
  );

  test.each([
    ["broken JSON", "{"],
    ["nothing", ""],
    ["invalid UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["a text that is cut in a character", Buffer.from('{"content":"ü').subarray(0, -1)],
  ])("400 malformed_json for %s", async (_name, body) => {
    expect(await refused(body)).toMatchObject({ status: 400, code: "malformed_json" });
  });

  test("the refusal of broken JSON does not quote it", async () => {
    expect(JSON.stringify(await refused("{ Kontonummer"))).not.toContain("Kontonummer");
  });

  test.each([
    ["#/sessionId", { content: "x" }],
    ["#/content", { sessionId: "s" }],
    ["#/content", { sessionId: "s", content: "" }],
    ["#/content", { sessionId: "s", content: 7 }],
    ["#/replyTo", { sessionId: "s", content: "x", replyTo: 7 }],
    ["#/messageType", { sessionId: "s", content: "x", messageType: "video" }],
    ["#/metadata", { sessionId: "s", content: "x", metadata: [] }],
    ["#/metadata", { sessionId: "s", content: "x", metadata: { big: "x".repeat(8_192) } }],
    ["#/metadata", { sessionId: "s", content: "x", metadata: { 2: { 3: { 4: { 5: { 6: [] } } } } } }],
    ["#", [1]],
    ["#", null],
  ])("400 validation_failed at %s", async (pointer, body) => {
    const problem = await refused(body);
    expect(problem).toMatchObject({ status: 400, code: "validation_failed" });
    expect(problem.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  });

  test("metadata at its limits is taken", async () => {
    const other = await givenSession(stores.database);
    const big = { a: "x".repeat(8_192 - '{"a":""}'.length) };
    const deep = { 2: { 3: { 4: { 5: {} } } } };
    for (const metadata of [big, deep]) {
      expect((await postCallback(app, { sessionId: other, content: "x", metadata })).statusCode).toBe(200);
    }
  });

  test.each([newId(), "no-uuid", "x".repeat(1_000), "../../etc", "\u0000"])(
    "404 session_not_found for %s",
    async (id) => {
      expect(await refused({ sessionId: id, content: "x" })).toMatchObject({ status: 404, code: "session_not_found" });
    },
  );

  test.each([newId(), "no-uuid", "", "\u0000"])("404 not_found for an unknown replyTo", async (replyTo) => {
    expect(await refused({ sessionId, replyTo, content: "x" })).toMatchObject({ status: 404, code: "not_found" });
  });

  test("409 for a message of another session, and for a reply", async () => {
    const other = await givenSession(stores.database);
    const foreign = (await givenMessage(stores.database, other)).message.id;
    const reply = (await postCallback(app, { sessionId: other, content: "x" })).json().messageId;
    const conflict = { status: 409, code: "conflict" };
    expect(await refused({ sessionId, replyTo: foreign, content: "x" })).toMatchObject(conflict);
    expect(await refused({ sessionId: other, replyTo: reply, content: "x" })).toMatchObject(conflict);
  });

  test("413 above 256 KiB, and not at it", async () => {
    const frame = JSON.stringify({ sessionId: await givenSession(stores.database), content: "" });
    const body = (size: number) => frame.replace('""', `"${"x".repeat(size - frame.length)}"`);
    expect(await refused(body(262_145))).toMatchObject({ status: 413, code: "payload_too_large" });
    expect((await postCallback(app, body(262_144))).statusCode).toBe(200);
  });

  test("a nesting deeper than any stack is refused, not crashed on", async () => {
    const deep = `{"sessionId":"${sessionId}","content":"x","metadata":{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`;
    expect(await refused(deep)).toMatchObject({ status: 400, code: "validation_failed" });
  });
});
