import { describe, expect, test } from "vitest";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
const OTHERS = ["01a204da-05d2-7348-8179-58e517fc07b1", "nonsense", "x y", "%00", "a".repeat(200)];

const ROUTES = [
  ["GET", "/api/chat/session"],
  ["DELETE", "/api/chat/session"],
  ["POST", "/api/chat/send"],
  ["GET", "/api/chat/messages/01a204da-05d2-7348-8179-58e517fc07b1"],
  ["GET", "/api/chat/stream/01a204da-05d2-7348-8179-58e517fc07b1"],
] as const;

describe.each(ROUTES)("%s %s", (method, url) => {
  test.each([
    ["no header", {}],
    ["another scheme", { authorization: "Basic dTpw" }],
    ["no token", { authorization: "Bearer " }],
    ["a token that cannot be ours", { authorization: "Bearer abc" }],
    ["an unknown token", { authorization: `Bearer ${"A".repeat(43)}` }],
  ])("with %s is 401", async (_what, headers) => {
    const { statusCode, data, headers: answered } = await shared.gateway.call(method, url, { headers });
    expect([statusCode, data.code, answered["www-authenticate"]]).toEqual([401, "unauthorized", "Bearer"]);
  });

  test("a token in the URL or the body is none", async () => {
    const { token, id } = await shared.gateway.session();
    const payload = method === "POST" ? { payload: { sessionId: id, content: "x", sessionToken: token } } : {};
    expect(
      (await shared.gateway.call(method, `${url}?sessionToken=${token}&token=${token}&access_token=${token}`, payload))
        .statusCode,
    ).toBe(401);
  });
});

test.each([
  ["not JSON", { "content-type": "application/json" }, "{"],
  ["another type", { "content-type": "text/plain" }, "hi"],
  ["too large", { "content-type": "application/json" }, "x".repeat(70_000)],
])("401 comes before what is wrong with the body: %s", async (_what, headers, payload) => {
  expect((await shared.gateway.call("POST", "/api/chat/send", { headers, payload })).statusCode).toBe(401);
});

describe("another session's id is 403, whether it exists or not", () => {
  test.each(OTHERS)("%s, in path, query and body", async (other) => {
    const { auth: headers } = await shared.gateway.session();
    const answers = await Promise.all([
      shared.gateway.call("GET", `/api/chat/messages/${encodeURIComponent(other)}`, { headers }),
      shared.gateway.call("GET", `/api/chat/stream/${encodeURIComponent(other)}`, { headers }),
      shared.gateway.call("GET", `/api/chat/session?sessionId=${encodeURIComponent(other)}`, { headers }),
      shared.gateway.call("DELETE", `/api/chat/session?sessionId=${encodeURIComponent(other)}`, { headers }),
      shared.gateway.call("POST", "/api/chat/send", { headers, payload: { sessionId: other, content: "x" } }),
    ]);
    expect(answers.map((answer) => [answer.statusCode, answer.data.code])).toEqual(
      answers.map(() => [403, "forbidden"]),
    );
  });

  test("one that exists too, and nothing is written", async () => {
    const [mine, theirs] = [await shared.gateway.session(), await shared.gateway.session()];
    const answer = await shared.gateway.call("POST", "/api/chat/send", {
      headers: mine.auth,
      payload: { sessionId: theirs.id, content: "x" },
    });
    expect(answer.statusCode).toBe(403);
    expect((await shared.gateway.call("GET", "/api/chat/session", { headers: theirs.auth })).data.messages).toEqual([]);
  });

  test("the answers for one that exists and one that does not are the same", async () => {
    const [mine, theirs] = [await shared.gateway.session(), await shared.gateway.session()];
    const read = (id: string) =>
      shared.gateway.call("GET", `/api/chat/messages/${id}`, { headers: { ...mine.auth, "x-request-id": "same" } });
    expect((await read(theirs.id)).body).toBe((await read(OTHERS[0] ?? "")).body);
  });
});
