import { describe, expect, test } from "vitest";
import { expire, settleNext } from "../testing/conversation.ts";
import { ADMIN } from "../testing/test-gateway.ts";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
const ROOT = "/api/chat/admin";
const NOBODY = "01a204da-05d2-7348-8179-58e517fc07b1";
const ROUTES = [
  ["GET", "/queue"],
  ["GET", "/deliveries"],
  ["GET", `/deliveries/${NOBODY}`],
  ["POST", `/deliveries/${NOBODY}/replay`],
  ["POST", "/deliveries/replay"],
  ["GET", `/sessions/${NOBODY}`],
] as const;

const get = (path: string) => shared.gateway.call("GET", `${ROOT}${path}`, { headers: ADMIN });
const post = (path: string, payload?: object) =>
  shared.gateway.call("POST", `${ROOT}${path}`, { headers: ADMIN, ...(payload === undefined ? {} : { payload }) });

async function conversation(count: number) {
  const { id, auth } = await shared.gateway.session();
  const ids: string[] = [];
  for (let index = 1; index <= count; index += 1) {
    const { data } = await shared.gateway.call("POST", "/api/chat/send", {
      headers: auth,
      payload: { sessionId: id, content: `m${index}` },
    });
    ids.push(data.id);
  }
  return { id, ids, auth };
}

async function failed(count: number) {
  const talk = await conversation(count);
  for (const messageId of talk.ids)
    await settleNext(shared.stores.database, { sessionId: talk.id, messageId }, "failed");
  return talk;
}

async function lastToken(sessionId: string): Promise<string | undefined> {
  const { jsm } = shared.stores.bus.client();
  const stored = await jsm.streams.getMessage("CHAT", { last_by_subj: `chat.message.sent.${sessionId}` });
  return stored?.header.get("ce-id");
}

describe("the operator's token", () => {
  test.each(ROUTES)("%s %s needs it", async (method, path) => {
    for (const authorization of [
      undefined,
      "Bearer wrong-token-of-the-tests",
      `Basic ${ADMIN.authorization}`,
      "Bearer ",
    ]) {
      const { statusCode, data } = await shared.gateway.call(method, `${ROOT}${path}`, {
        headers: authorization === undefined ? {} : { authorization },
      });
      expect([statusCode, data.code]).toEqual([401, "unauthorized"]);
    }
    const { token } = await shared.gateway.session();
    expect(
      (await shared.gateway.call(method, `${ROOT}${path}`, { headers: { authorization: `Bearer ${token}` } }))
        .statusCode,
    ).toBe(401);
  });

  test("without one the routes do not exist, with whatever token", async () => {
    const gateway = await shared.stores.gateway({ CHAT_ADMIN_TOKEN: "" });
    for (const [method, path] of ROUTES) {
      const answer = await gateway.call(method, `${ROOT}${path}`, { headers: { ...ADMIN, "x-request-id": "same" } });
      const unknown = await gateway.call(method, `${ROOT}/nothing`, { headers: { ...ADMIN, "x-request-id": "same" } });
      expect([answer.statusCode, answer.body]).toEqual([404, unknown.body]);
    }
  });
});

test("GET /queue counts by status and tells of outbox, bus and breaker", async () => {
  const before = (await get("/queue")).data;
  await conversation(2);
  const { data } = await get("/queue");
  expect(Object.keys(data).toSorted()).toEqual(["breaker", "bus", "messages", "oldestQueuedAgeMs", "outbox"]);
  expect(data.messages.queued).toBe(before.messages.queued + 2);
  expect(data).toMatchObject({
    breaker: "closed",
    oldestQueuedAgeMs: expect.any(Number),
    outbox: { unpublished: expect.any(Number) },
  });
  expect(data.bus).toEqual({
    pending: expect.any(Number),
    ackPending: expect.any(Number),
    redelivered: expect.any(Number),
  });
});

describe("GET /deliveries", () => {
  test("newest first, with attempts, page by page", async () => {
    const { id, ids } = await failed(3);
    const newest = await get(`/deliveries?sessionId=${id}&limit=2`);
    expect(newest.data.deliveries.map((delivery: { messageId: string }) => delivery.messageId)).toEqual([
      ids[2],
      ids[1],
    ]);
    expect(newest.data.pageInfo).toEqual({ hasMore: true, before: ids[1], after: null });
    expect(newest.data.deliveries[0]).toEqual({
      messageId: ids[2],
      sessionId: id,
      sequence: 3,
      status: "failed",
      createdAt: expect.any(String),
      attempts: [
        {
          number: 1,
          startedAt: expect.any(String),
          durationMs: 12,
          httpStatus: 500,
          error: "n8n said no",
          outcome: "failed",
        },
      ],
    });
    const older = await get(`/deliveries?sessionId=${id}&limit=2&before=${newest.data.pageInfo.before}`);
    expect(older.data).toMatchObject({
      deliveries: [{ messageId: ids[0] }],
      pageInfo: { hasMore: false, before: null, after: null },
    });
  });

  test("by status, alone and with a session", async () => {
    const { id } = await failed(1);
    const queued = await conversation(1);
    expect((await get("/deliveries?status=failed&limit=1")).data.deliveries).toMatchObject([{ sessionId: id }]);
    expect((await get("/deliveries?status=queued&limit=1")).data.deliveries).toMatchObject([{ sessionId: queued.id }]);
    expect((await get(`/deliveries?status=queued&sessionId=${id}`)).data.deliveries).toEqual([]);
  });

  test.each([
    ["status=lost", "#/status"],
    ["status=", "#/status"],
    ["sessionId=abc", "#/sessionId"],
    ["limit=0", "#/limit"],
    ["limit=101", "#/limit"],
    ["before=abc", "#/before"],
    [`before=${NOBODY}`, "#/before"],
    [`after=${NOBODY}`, "#/after"],
  ])("%s is 400 at %s", async (query, pointer) => {
    expect((await get(`/deliveries?${query}`)).data).toMatchObject({
      status: 400,
      code: "validation_failed",
      errors: [{ pointer }],
    });
  });

  test("one of them, or 404", async () => {
    const { ids } = await failed(1);
    expect((await get(`/deliveries/${ids[0]}`)).data).toMatchObject({ messageId: ids[0], status: "failed" });
    for (const nobody of [NOBODY, "abc"]) expect((await get(`/deliveries/${nobody}`)).data.code).toBe("not_found");
  });
});

describe("POST /deliveries/:messageId/replay", () => {
  test("queues a failed message again, with its attempts", async () => {
    const { id, ids } = await failed(1);
    const answer = await post(`/deliveries/${ids[0]}/replay`);
    expect([answer.statusCode, answer.data.status, answer.data.attempts.length]).toEqual([202, "queued", 1]);
    await settleNext(shared.stores.database, { sessionId: id, messageId: String(ids[0]) }, "delivered");
    expect(
      (await get(`/deliveries/${ids[0]}`)).data.attempts.map((attempt: { number: number }) => attempt.number),
    ).toEqual([1, 2]);
  });

  test("is 409 in any other state, 404 for nobody's", async () => {
    const { ids } = await conversation(1);
    expect((await post(`/deliveries/${ids[0]}/replay`)).data).toMatchObject({ status: 409, code: "conflict" });
    for (const nobody of [NOBODY, "abc"])
      expect((await post(`/deliveries/${nobody}/replay`)).data.code).toBe("not_found");
  });

  test("publishes its new work token", async () => {
    const { id, ids } = await failed(1);
    await post(`/deliveries/${ids[0]}/replay`);
    await expect.poll(() => lastToken(id)).toBe(`${ids[0]}.2`);
  });
});

describe("POST /deliveries/replay", () => {
  test("a dry run counts, the run replays each session in its order", async () => {
    const { id, ids } = await failed(3);
    const filter = { status: "failed", sessionId: id };
    expect((await post("/deliveries/replay", { ...filter, dryRun: true })).data).toEqual({ matched: 3, replayed: 0 });
    expect((await post("/deliveries/replay", filter)).data).toEqual({ matched: 3, replayed: 3 });
    expect((await post("/deliveries/replay", filter)).data).toEqual({ matched: 0, replayed: 0 });
    for (const messageId of ids) await settleNext(shared.stores.database, { sessionId: id, messageId }, "delivered");
  });

  test("publishes the new work tokens", async () => {
    const { id, ids } = await failed(1);
    await post("/deliveries/replay", { status: "failed", sessionId: id });
    await expect.poll(() => lastToken(id)).toBe(`${ids[0]}.2`);
  });

  test("since is inclusive, until exclusive, and both take an offset", async () => {
    const { id, ids } = await failed(1);
    const { createdAt } = (await get(`/deliveries/${ids[0]}`)).data;
    const later = new Date(Date.parse(createdAt) + 1).toISOString();
    const count = async (filter: object) =>
      (await post("/deliveries/replay", { status: "failed", sessionId: id, dryRun: true, ...filter })).data.matched;
    expect(await count({ since: createdAt })).toBe(1);
    expect(await count({ since: later })).toBe(0);
    expect(await count({ until: createdAt })).toBe(0);
    expect(await count({ since: createdAt, until: later })).toBe(1);
    expect(await count({ since: "0000-01-01T00:00:00+14:00", until: "9999-12-31T23:59:59-14:00" })).toBe(1);
    expect(await count({ status: "unanswered" })).toBe(0);
  });

  test.each([
    [{}, "#/status"],
    [{ status: "queued" }, "#/status"],
    [{ status: "failed", sessionId: "abc" }, "#/sessionId"],
    [{ status: "failed", since: "yesterday" }, "#/since"],
    [{ status: "failed", until: "2026-02-30T00:00:00Z" }, "#/until"],
    [{ status: "failed", since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z" }, "#/since"],
    [{ status: "failed", since: "2026-01-01T00:00:00-01:00", until: "2026-01-01T00:30:00Z" }, "#/since"],
    [{ status: "failed", dryRun: "yes" }, "#/dryRun"],
    [{ status: "failed", limit: 1 }, "#/limit"],
  ])("%j is 400 at %s", async (body, pointer) => {
    expect((await post("/deliveries/replay", body)).data).toMatchObject({
      status: 400,
      code: "validation_failed",
      errors: [{ pointer }],
    });
  });
});

describe("GET /sessions/:sessionId", () => {
  test("shows all of a session, also when it is over", async () => {
    const { id, ids } = await conversation(2);
    await settleNext(shared.stores.database, { sessionId: id, messageId: String(ids[0]) }, "delivered", ["the reply"]);
    await expire(shared.stores.database, id);
    const { data } = await get(`/sessions/${id}`);
    expect(data.session).toMatchObject({ sessionId: id, status: "expired" });
    expect(
      data.messages.map((message: { content: string; status: string }) => [message.content, message.status]),
    ).toEqual([
      ["m1", "answered"],
      ["m2", "queued"],
      ["the reply", "received"],
    ]);
  });

  test("of nobody is 404 session_not_found", async () => {
    for (const nobody of [NOBODY, "abc"])
      expect((await get(`/sessions/${nobody}`)).data.code).toBe("session_not_found");
  });
});
