import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { SignJWT } from "jose";
import { expire } from "../testing/conversation.ts";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
const PATH = "/api/chat/session";
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const HOUR_MS = 3_600_000;

function lifetimeMs(session: { createdAt: string; expiresAt: string }): number {
  return Date.parse(session.expiresAt) - Date.parse(session.createdAt);
}

describe("POST /api/chat/session", () => {
  test("opens a guest's session", async () => {
    const { statusCode, data } = await shared.gateway.call("POST", PATH, {
      payload: { metadata: { source: "website" } },
    });
    expect(statusCode).toBe(201);
    expect(Object.keys(data).toSorted()).toEqual([
      "authenticated",
      "createdAt",
      "expiresAt",
      "metadata",
      "sessionId",
      "sessionToken",
      "userId",
    ]);
    expect(data).toMatchObject({ authenticated: false, userId: null, metadata: { source: "website" } });
    expect(data.sessionId).toMatch(UUID_V7);
    expect(Buffer.from(data.sessionToken, "base64url")).toHaveLength(32);
    expect(lifetimeMs(data)).toBe(24 * HOUR_MS);
  });

  test("keeps only the hash of the token", async () => {
    const { token, id } = await shared.gateway.session();
    const [row] = await shared.stores.database.query<{ hash: string }>(
      { name: "", text: "SELECT encode(token_hash, 'hex') AS hash FROM chat_session WHERE id = $1" },
      [id],
    );
    expect(row?.hash).toBe(createHash("sha256").update(token).digest("hex"));
  });

  test("a userId without an identity secret is a label with the user's timeout", async () => {
    const { data } = await shared.gateway.call("POST", PATH, { payload: { userId: "user123" } });
    expect(data).toMatchObject({ authenticated: false, userId: "user123" });
    expect(lifetimeMs(data)).toBe(7 * 24 * HOUR_MS);
  });

  test("a userToken authenticates; a bad one, or a bare userId beside the secret, is 401; another userId 400", async () => {
    const gateway = await shared.stores.gateway({
      CHAT_IDENTITY_SECRET: "sixteen-letters!",
      CHAT_RATE_LIMIT_DISABLED: "true",
    });
    const userToken = await new SignJWT({ sub: "user123" })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode("sixteen-letters!"));
    const proven = await gateway.call("POST", PATH, { payload: { userToken } });
    expect(proven.data).toMatchObject({ authenticated: true, userId: "user123" });
    expect(lifetimeMs(proven.data)).toBe(7 * 24 * HOUR_MS);
    expect((await gateway.call("POST", PATH, { payload: { userToken: `${userToken}x` } })).data.code).toBe(
      "unauthorized",
    );
    expect((await gateway.call("POST", PATH, { payload: { userId: "user123" } })).data.code).toBe("unauthorized");
    const other = await gateway.call("POST", PATH, { payload: { userToken, userId: "other" } });
    expect(other.data).toMatchObject({ code: "validation_failed", errors: [{ pointer: "#/userId" }] });
    expect((await shared.gateway.call("POST", PATH, { payload: { userToken } })).statusCode).toBe(401);
  });

  test.each([
    ["nothing at all", {}],
    ["an empty JSON body", { headers: { "content-type": "application/json" }, payload: "" }],
    ["an empty object", { payload: {} }],
    ["a charset", { headers: { "content-type": "application/json; charset=utf-8" }, payload: "{}" }],
    ["a byte order mark", { headers: { "content-type": "application/json" }, payload: "\uFEFF{}" }],
  ])("takes %s", async (_what, options) => {
    expect((await shared.gateway.call("POST", PATH, options)).statusCode).toBe(201);
  });

  test.each([
    [{ userId: "" }, "#/userId"],
    [{ userId: "😀".repeat(129) }, "#/userId"],
    [{ userId: 7 }, "#/userId"],
    [{ userId: null }, "#/userId"],
    [{ userId: "a\u0000" }, "#/userId"],
    [{ metadata: [] }, "#/metadata"],
    [{ metadata: "x" }, "#/metadata"],
    [{ metadata: null }, "#/metadata"],
    [{ metadata: { a: { b: { c: { d: { e: {} } } } } } }, "#/metadata"],
    [{ metadata: { a: [[[[[]]]]] } }, "#/metadata"],
    [{ metadata: { a: "x".repeat(8_192) } }, "#/metadata"],
    [{ metadata: { a: "\u0000" } }, "#/metadata"],
    [{ metadata: { "\ud800": 1 } }, "#/metadata"],
    [{ userToken: "" }, "#/userToken"],
    [{ "a/b~c": 1 }, "#/a~1b~0c"],
  ])("%j is 400 at %s", async (payload, pointer) => {
    const { statusCode, data } = await shared.gateway.call("POST", PATH, { payload });
    expect(statusCode).toBe(400);
    expect(data).toMatchObject({ code: "validation_failed", errors: [{ pointer }] });
  });

  test.each([
    [{ userId: "😀".repeat(128) }],
    [{ metadata: { a: { b: { c: { d: 1 } } } } }],
    [{ metadata: { a: [[[[]]]] } }],
    [{ metadata: { a: "x".repeat(8_192 - '{"a":""}'.length) } }],
    [{ metadata: { a: "é".repeat((8_192 - '{"a":""}'.length) / 2) } }],
  ])("the largest that is allowed, case %#, is taken", async (payload) => {
    expect((await shared.gateway.call("POST", PATH, { payload })).statusCode).toBe(201);
  });
});

describe("GET and DELETE /api/chat/session", () => {
  test("shows the token's session with its newest messages, oldest first", async () => {
    const { id, auth } = await shared.gateway.session({ metadata: { a: 1 } });
    const empty = await shared.gateway.call("GET", PATH, { headers: auth });
    expect(empty.data).toMatchObject({
      session: { sessionId: id, status: "active", metadata: { a: 1 } },
      messages: [],
      pageInfo: { hasMore: false, before: null, after: null },
    });
    expect(empty.data.session).not.toHaveProperty("sessionToken");
    for (let index = 1; index <= 51; index += 1) {
      await shared.gateway.call("POST", "/api/chat/send", {
        headers: auth,
        payload: { sessionId: id, content: `m${index}` },
      });
    }
    const { data } = await shared.gateway.call("GET", `${PATH}?sessionId=${id}`, { headers: auth });
    expect(data.messages.map((message: { sequence: number }) => message.sequence)).toEqual(
      Array.from({ length: 50 }, (_, index) => index + 2),
    );
    expect(data.pageInfo.hasMore).toBe(true);
  });

  test("an unknown query field is refused", async () => {
    const { auth } = await shared.gateway.session();
    expect((await shared.gateway.call("GET", `${PATH}?token=x`, { headers: auth })).data).toMatchObject({
      code: "validation_failed",
      errors: [{ pointer: "#/token" }],
    });
  });

  test("an ended session is 410 on all of its routes, a second DELETE too", async () => {
    const { id, auth } = await shared.gateway.session();
    const ended = await shared.gateway.call("DELETE", PATH, { headers: auth });
    expect([ended.statusCode, ended.body]).toEqual([204, ""]);
    await expectGone(id, auth);
  });

  test("an expired session is 410 on all of its routes", async () => {
    const { id, auth } = await shared.gateway.session();
    await expire(shared.stores.database, id);
    await expectGone(id, auth);
  });
});

async function expectGone(id: string, headers: { authorization: string }): Promise<void> {
  const answers = await Promise.all([
    shared.gateway.call("GET", PATH, { headers }),
    shared.gateway.call("DELETE", PATH, { headers }),
    shared.gateway.call("GET", `/api/chat/messages/${id}`, { headers }),
    shared.gateway.call("POST", "/api/chat/send", { headers, payload: { sessionId: id, content: "hi" } }),
  ]);
  expect(answers.map((answer) => [answer.statusCode, answer.data.code])).toEqual(
    answers.map(() => [410, "session_expired"]),
  );
}
