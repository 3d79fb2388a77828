import { openBus, type Bus } from "@chat-relay/bus/bus";
import { publishPieces, readPieces } from "@chat-relay/bus/live-log";
import { followSession } from "@chat-relay/bus/session-feed";
import { LIVE_STREAM_NAME } from "@chat-relay/core/events";
import { newId } from "@chat-relay/core/ids";
import type { ReplyPieces } from "@chat-relay/core/reply-pieces";
import { endSession } from "@chat-relay/database/end-session";
import { readAllMessages } from "@chat-relay/database/read-messages";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { createTestBus, testNatsUrl } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { postCallback, testReceiver, type Signed } from "./testing/test-receiver.ts";

let stores: TestDatabase;
let bus: Bus;
let app: FastifyInstance;
let sessionId: string;
let replyTo: string;

beforeAll(async () => {
  stores = await createTestDatabase();
  bus = await createTestBus();
  app = testReceiver(stores.database, {}, { bus });
});
beforeEach(async () => {
  sessionId = await givenSession(stores.database);
  replyTo = (await givenMessage(stores.database, sessionId)).message.id;
});
afterAll(async () => {
  await app.close();
  await bus[Symbol.asyncDispose]();
  await stores[Symbol.asyncDispose]();
});

const piece = (change: object = {}) => ({
  type: "chat.reply.delta",
  sessionId,
  replyTo,
  offset: 0,
  content: "Once",
  ...change,
});

async function post(body: unknown, options: Signed = {}, to = app) {
  const response = await postCallback(to, body, options);
  return { status: response.statusCode, body: response.json(), headers: response.headers };
}

const shown = async () => (await readPieces(bus, sessionId)).map(({ pieces }) => pieces);
const ACCEPTED = { status: 200, body: { accepted: true } };

describe("a piece of a reply", () => {
  test("goes to those who follow the session and into the live log, and not into the history", async () => {
    const heard: ReplyPieces[] = [];
    const listener = { onChange: () => undefined, onPieces: (given: ReplyPieces) => heard.push(given) };
    const { feed, opened } = followSession(bus, sessionId, listener);
    await opened;
    expect(await post(piece(), { id: "evt_1" })).toMatchObject(ACCEPTED);
    expect(await post(piece({ offset: 4, content: " upon a time" }), { id: "evt_2" })).toMatchObject(ACCEPTED);
    const common = { sessionId, replyTo, attempt: 0, afterSequence: 1 };
    const expected = [
      { id: "evt_1", ...common, pieces: [{ block: 0, offset: 0, content: "Once" }] },
      { id: "evt_2", ...common, pieces: [{ block: 0, offset: 4, content: " upon a time" }] },
    ];
    expect(await readPieces(bus, sessionId)).toEqual(expected);
    await waitFor("both pieces", () => heard.length === 2);
    expect(heard).toEqual(expected);
    expect(await readAllMessages(stores.database, sessionId)).toHaveLength(1);
    feed.close();
  });

  test("sent again under its webhook-id is answered the same and kept once", async () => {
    for (const content of ["Once", "Once", "Twice"]) {
      expect(await post(piece({ content }), { id: "evt_again" })).toMatchObject(ACCEPTED);
    }
    expect(await shown()).toEqual([[{ block: 0, offset: 0, content: "Once" }]]);
  });

  test("is mended, may be empty, and may carry what is not known", async () => {
    const raw = JSON.stringify(piece({ metadata: 7, block: 3 })).replace('"Once"', '"a\\u0000\\ud83d"');
    expect(await post(raw)).toMatchObject(ACCEPTED);
    expect(await post(piece({ content: "" }))).toMatchObject(ACCEPTED);
    expect(await shown()).toEqual([
      [{ block: 0, offset: 0, content: "a\uFFFD\uFFFD" }],
      [{ block: 0, offset: 0, content: "" }],
    ]);
  });

  test("is taken for an ended session and for an expired one", async () => {
    await endSession(stores.database, sessionId);
    expect(await post(piece())).toMatchObject(ACCEPTED);
    await stores.database.query(
      {
        name: "",
        text: "UPDATE chat_session SET ended_at = NULL, expires_at = now() - interval '1 second' WHERE id = $1",
      },
      [sessionId],
    );
    expect(await post(piece())).toMatchObject(ACCEPTED);
    expect(await shown()).toHaveLength(2);
  });

  test("of almost the size that a callback may have is taken", async () => {
    const content = "\u0001".repeat(43_000); // six bytes each, on the way in and out
    expect(await post(piece({ content }))).toMatchObject(ACCEPTED);
    expect(await shown()).toEqual([[{ block: 0, offset: 0, content }]]);
    expect(await post(piece({ content: "x".repeat(262_144) }))).toMatchObject({ status: 413 });
  });

  test("that would be too large for the bus is refused rather than tried again and again", async () => {
    const tight = testReceiver(stores.database, { CHAT_STREAM_MESSAGE_MAX_BYTES: "65536" }, { bus });
    const refused = await post(piece({ content: "x".repeat(65_000) }), {}, tight);
    expect(refused).toMatchObject({ status: 413, body: { code: "payload_too_large" } });
    expect(await post(piece({ content: "x".repeat(60_000) }), {}, tight)).toMatchObject(ACCEPTED);
    await tight.close();
  });
});

describe("once the reply is there", () => {
  const finish = () => post({ sessionId, replyTo, content: "Once upon a time" });

  test("its pieces are taken out of the live log, and another message's stay", async () => {
    const other = (await givenMessage(stores.database, sessionId)).message.id;
    await post(piece());
    await post(piece({ replyTo: other }));
    expect((await finish()).status).toBe(200);
    await waitFor("the pieces to go", async () => (await shown()).length === 1);
    expect((await readPieces(bus, sessionId)).map((left) => left.replyTo)).toEqual([other]);
  });

  test("a late piece is taken and shown to nobody", async () => {
    await finish();
    const heard: ReplyPieces[] = [];
    const listener = { onChange: () => undefined, onPieces: (given: ReplyPieces) => heard.push(given) };
    const { feed, opened } = followSession(bus, sessionId, listener);
    await opened;
    expect(await post(piece())).toMatchObject(ACCEPTED);
    expect(await shown()).toEqual([]);
    await publishPieces(bus, { ...MARK, sessionId, replyTo });
    await waitFor("what came after it", () => heard.length > 0);
    expect(heard.map(({ id }) => id)).toEqual(["mark"]);
    feed.close();
  });

  test("it is recorded while NATS is away", async () => {
    const alone = testReceiver(stores.database);
    expect((await post({ sessionId, replyTo, content: "Hi" }, {}, alone)).status).toBe(200);
    await alone.close();
  });
});

const MARK = { id: "mark", attempt: 0, afterSequence: 9, pieces: [{ block: 0, offset: 0, content: "" }] };

describe("a piece is refused", () => {
  test.each([
    ["#/sessionId", { sessionId: 7 }],
    ["#/replyTo", { replyTo: undefined }],
    ["#/replyTo", { replyTo: null }],
    ["#/offset", { offset: undefined }],
    ["#/offset", { offset: -1 }],
    ["#/offset", { offset: 1.5 }],
    ["#/offset", { offset: "0" }],
    ["#/offset", { offset: 262_145 }],
    ["#/offset", { offset: 1e300 }],
    ["#/content", { content: undefined }],
    ["#/content", { content: null }],
    ["#/content", { content: ["x"] }],
  ])("with 400 at %s", async (pointer, change) => {
    const { status, body } = await post(piece(change));
    expect({ status, code: body.code }).toEqual({ status: 400, code: "validation_failed" });
    expect(new Set(body.errors.map((error: { pointer: string }) => error.pointer))).toEqual(new Set([pointer]));
    expect(await shown()).toEqual([]);
  });

  test("with 404 for an unknown session or message, 409 for one of another session and for a reply", async () => {
    const other = await givenSession(stores.database);
    const foreign = (await givenMessage(stores.database, other)).message.id;
    const reply = (await post({ sessionId: other, content: "x" })).body.messageId;
    const codeOf = async (change: object) => {
      const { status, body } = await post(piece(change));
      return [status, body.code];
    };
    for (const id of [newId(), "no-uuid", "x".repeat(1_000), "\u0000"]) {
      expect(await codeOf({ sessionId: id })).toEqual([404, "session_not_found"]);
      expect(await codeOf({ replyTo: id })).toEqual([404, "not_found"]);
    }
    expect(await codeOf({ replyTo: foreign })).toEqual([409, "conflict"]);
    expect(await codeOf({ sessionId: other, replyTo: reply })).toEqual([409, "conflict"]);
    expect(await readPieces(bus, other)).toEqual([]);
  });

  test("with 401 when it is not authentic", async () => {
    expect((await post(piece(), { key: Buffer.from("another-secret-altogether") })).status).toBe(401);
    expect((await post(piece(), { ageSeconds: 301 })).status).toBe(401);
    expect(await shown()).toEqual([]);
  });
});

describe("the limit of pieces", () => {
  test("is a session's own and not that of its replies", async () => {
    const limited = testReceiver(
      stores.database,
      { CHAT_RATE_LIMIT_PIECES: "2/60", CHAT_RATE_LIMIT_WEBHOOKS: "1/60" },
      { bus },
    );
    const answers = [await post(piece(), {}, limited), await post(piece(), {}, limited)];
    const refused = await post(piece(), {}, limited);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers.map(({ headers }) => headers["ratelimit"])).toEqual([
      expect.stringMatching(/^"pieces";r=1;t=\d+$/),
      expect.stringMatching(/^"pieces";r=0;t=\d+$/),
    ]);
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(refused.headers["ratelimit-policy"]).toBe('"pieces";q=2;w=60');
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(await shown()).toHaveLength(2);
    expect((await post({ sessionId, replyTo, content: "Done" }, {}, limited)).status).toBe(200);

    const other = await givenSession(stores.database);
    const message = (await givenMessage(stores.database, other)).message.id;
    expect((await post(piece({ sessionId: other, replyTo: message }), {}, limited)).status).toBe(200);
    await limited.close();
  });

  test("can be turned off", async () => {
    const unlimited = testReceiver(
      stores.database,
      { CHAT_RATE_LIMIT_PIECES: "1/60", CHAT_RATE_LIMIT_DISABLED: "true" },
      { bus },
    );
    for (let index = 0; index < 3; index += 1) expect((await post(piece(), {}, unlimited)).status).toBe(200);
    await unlimited.close();
  });
});

describe("while NATS is away", () => {
  test.each(["refuse", "blackhole"] as const)("503 (%s), and it heals by itself", async (mode) => {
    await using road = await startFaultProxy(testNatsUrl());
    const settings = { NATS_URL: road.url, CHAT_PUBLISH_TIMEOUT_MS: "400" };
    await using far = openBus({ ...testConfig(settings), name: "test" });
    await far.ready;
    const cut = testReceiver(stores.database, settings, { bus: far });
    await road[mode]();
    const startedAtMs = performance.now();
    const refused = await post(piece(), { id: `evt_${mode}` }, cut);
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    expect(refused).toMatchObject({ status: 503, body: { code: "unavailable" } });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect((await cut.inject("/readyz")).statusCode).toBe(200); // replies are still taken
    await road.pass();
    await waitFor("a piece to be taken", async () => (await post(piece(), { id: `evt_${mode}` }, cut)).status === 200);
    expect(await shown()).toEqual([[{ block: 0, offset: 0, content: "Once" }]]);
    await cut.close();
  });

  test("a live log that was taken away is made again", async () => {
    await bus.client().jsm.streams.delete(LIVE_STREAM_NAME);
    await waitFor("a piece to be taken", async () => (await post(piece())).status === 200);
    expect(await shown()).toHaveLength(1);
  });
});
