import { readAllMessages } from "@chat-relay/database/read-messages";
import { givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, openTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { postCallback, testReceiver, type Signed } from "./testing/test-receiver.ts";

const LIMIT = { CHAT_RATE_LIMIT_WEBHOOKS: "2/60" };
const FORGED: Signed = { key: Buffer.from("another-secret-altogether") };

let stores: TestDatabase;
let app: FastifyInstance;
let addresses = 0;
let remoteAddress: string;

beforeAll(async () => {
  stores = await createTestDatabase();
  app = testReceiver(stores.database, LIMIT);
});
beforeEach(() => {
  addresses += 1;
  remoteAddress = `198.51.100.${addresses}`;
});
afterAll(async () => {
  await app.close();
  await stores[Symbol.asyncDispose]();
});

const valid = async (session: string, options: Signed = {}) =>
  postCallback(app, { sessionId: session, content: "x" }, { remoteAddress, ...options });
const forged = (from: FastifyInstance = app, address = remoteAddress) =>
  postCallback(from, {}, { ...FORGED, remoteAddress: address });

async function storedPoints(key: string): Promise<number | undefined> {
  const statement = { name: "", text: "SELECT points FROM chat_rate_limit WHERE key = $1" };
  return (await stores.database.query<{ points: number }>(statement, [`webhooks:${key}`]))[0]?.points;
}

describe("the limit of a session", () => {
  test("is counted down in the headers and ends in 429, for that session alone", async () => {
    const [session, other] = [await givenSession(stores.database), await givenSession(stores.database)];
    const answers = [await valid(session), await valid(session), await valid(session)];
    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200, 429]);
    expect(answers.map((answer) => answer.headers["ratelimit"])).toEqual([
      expect.stringMatching(/^"webhooks";r=1;t=\d+$/),
      expect.stringMatching(/^"webhooks";r=0;t=\d+$/),
      expect.stringMatching(/^"webhooks";r=0;t=\d+$/),
    ]);
    expect(answers[2]?.headers["ratelimit-policy"]).toBe('"webhooks";q=2;w=60');
    expect(Number(answers[2]?.headers["retry-after"])).toBeGreaterThan(0);
    expect(answers[2]?.json()).toMatchObject({ code: "rate_limited" });
    expect(await readAllMessages(stores.database, session)).toHaveLength(2);
    expect((await valid(other)).statusCode).toBe(200);
  });

  test("holds across receivers", async () => {
    const session = await givenSession(stores.database);
    await using otherPool = await openTestDatabase(stores.url);
    const other = testReceiver(otherPool, LIMIT);
    await valid(session);
    const body = { sessionId: session, content: "x" };
    expect((await postCallback(other, body)).statusCode).toBe(200);
    expect((await postCallback(other, body)).statusCode).toBe(429);
    await other.close();
  });

  test("is not spent by a repeat, and a repeat beyond it is still answered", async () => {
    const session = await givenSession(stores.database);
    const first = await valid(session, { id: "evt_repeat" });
    const repeats = await Promise.all([1, 2, 3].map(() => valid(session, { id: "evt_repeat" })));
    expect(repeats.map((answer) => answer.json().duplicate)).toEqual([true, true, true]);
    expect(repeats.map(({ headers }) => String(headers["ratelimit"]).replace(/t=\d+/, "t"))).toEqual(
      [1, 2, 3].map(() => '"webhooks";r=1;t'),
    );
    expect((await valid(session)).statusCode).toBe(200);
    expect((await valid(session)).statusCode).toBe(429);
    const repeat = await valid(session, { id: "evt_repeat" });
    expect([repeat.statusCode, repeat.json()]).toEqual([200, { ...first.json(), duplicate: true }]);
  });

  test("is not asked about text that can be no session's id, however long", async () => {
    const response = await valid("x".repeat(1_000));
    expect([response.statusCode, response.json().code]).toEqual([404, "session_not_found"]);
  });

  test("can be turned off", async () => {
    const unlimited = testReceiver(stores.database, { ...LIMIT, CHAT_RATE_LIMIT_DISABLED: "true" });
    const body = { sessionId: await givenSession(stores.database), content: "x" };
    const answers = await Promise.all([1, 2, 3, 4].map(() => postCallback(unlimited, body)));
    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200, 200, 200]);
    expect(answers[0]?.headers["ratelimit"]).toBeUndefined();
    await unlimited.close();
  });
});

describe("the limit of refused callbacks", () => {
  test("turns 401 into 429 for that address, and never refuses one that is validly signed", async () => {
    const answers = [await forged(), await forged(), await forged()];
    expect(answers.map((answer) => answer.statusCode)).toEqual([401, 401, 429]);
    expect(answers[2]?.json()).toMatchObject({ code: "rate_limited" });
    expect(Number(answers[2]?.headers["retry-after"])).toBeGreaterThan(0);
    expect(answers[2]?.headers["ratelimit"]).toMatch(/^"webhooks";r=0;t=\d+$/);
    expect((await forged(app, "203.0.113.9")).statusCode).toBe(401);
    expect((await valid(await givenSession(stores.database))).statusCode).toBe(200);
  });

  test("is kept from memory once it is reached: a flood writes nothing", async () => {
    await Promise.all(Array.from({ length: 2 }, () => forged()));
    await Promise.all(Array.from({ length: 20 }, () => forged()));
    expect(await storedPoints(`address:${remoteAddress}`)).toBe(2);
  });

  test("holds across receivers", async () => {
    const other = testReceiver(stores.database, LIMIT);
    await forged();
    expect([(await forged(other)).statusCode, (await forged(other)).statusCode]).toEqual([401, 429]);
    expect((await forged()).statusCode).toBe(429);
    await other.close();
  });

  test("counts the /64 of an IPv6 address, and does not believe a header that nobody vouches for", async () => {
    await forged(app, "2001:db8::1");
    await forged(app, "2001:db8::2");
    expect((await forged(app, "2001:db8:0:0:ffff::3")).statusCode).toBe(429);
    const spoofed = { ...FORGED, remoteAddress: "2001:db8::4", headers: { "x-forwarded-for": "203.0.113.77" } };
    expect((await postCallback(app, {}, spoofed)).statusCode).toBe(429);
  });

  test("counts the client behind a trusted proxy", async () => {
    const behind = testReceiver(stores.database, { ...LIMIT, CHAT_TRUSTED_PROXIES: "192.0.2.0/24" });
    const from = (client: string) =>
      postCallback(behind, {}, { ...FORGED, remoteAddress: "192.0.2.7", headers: { "x-forwarded-for": client } });
    await from("203.0.113.50");
    await from("203.0.113.50");
    expect((await from("203.0.113.50")).statusCode).toBe(429);
    expect((await from("203.0.113.51")).statusCode).toBe(401);
    await behind.close();
  });
});
