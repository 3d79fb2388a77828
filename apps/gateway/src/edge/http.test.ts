import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
const SESSION = "/api/chat/session";
const json = { "content-type": "application/json" };

describe("bodies", () => {
  test.each([
    ["broken", "{"],
    ["a lone word", "hello"],
    ["two values", "{} {}"],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["UTF-16", Buffer.from("{}", "utf16le")],
    ["__proto__", '{"metadata":{"__proto__":{"a":1}}}'],
    ["an escaped __proto__", '{"\\u005f_proto__":{}}'],
    ["constructor.prototype", '{"constructor":{"prototype":{}}}'],
  ])("%s: 400 malformed_json", async (_what, payload) => {
    const { statusCode, data } = await shared.gateway.call("POST", SESSION, { headers: json, payload });
    expect([statusCode, data.code]).toEqual([400, "malformed_json"]);
  });

  test.each(["null", "[]", '"x"', "7"])("%s is JSON and no object: 400 validation_failed", async (payload) => {
    const { data } = await shared.gateway.call("POST", SESSION, { headers: json, payload });
    expect(data).toMatchObject({ code: "validation_failed", errors: [{ pointer: "#" }] });
  });

  test("nesting deeper than any stack is refused", async () => {
    const payload = `{"metadata":{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}}`;
    expect((await shared.gateway.call("POST", SESSION, { headers: json, payload })).data.errors).toMatchObject([
      { pointer: "#/metadata" },
    ]);
  });

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/problem+json",
    "multipart/form-data; boundary=x",
    "nonsense",
  ])("%s: 415", async (type) => {
    const { statusCode, data } = await shared.gateway.call("POST", SESSION, {
      headers: { "content-type": type },
      payload: "{}",
    });
    expect([statusCode, data.code]).toEqual([415, "unsupported_media_type"]);
  });

  test("a body without a type: 415", async () => {
    const response = await shared.gateway.app.inject({
      method: "POST",
      url: SESSION,
      payload: Buffer.from("{}"),
      headers: {},
    });
    expect(response.json().code).toBe("unsupported_media_type");
  });

  test("64 KiB is taken and read, one byte more is 413", async () => {
    const body = (size: number) => `{"x":"${"a".repeat(size - 8)}"}`;
    const post = (size: number) => shared.gateway.call("POST", SESSION, { headers: json, payload: body(size) });
    expect((await post(65_536)).data.code).toBe("validation_failed");
    const { statusCode, data } = await post(65_537);
    expect([statusCode, data.code]).toEqual([413, "payload_too_large"]);
  });
});

describe("problems", () => {
  test("have the shape of RFC 9457", async () => {
    const { headers, data } = await shared.gateway.call("GET", SESSION);
    expect(headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    expect(data).toEqual({
      type: "urn:chat-relay:error:unauthorized",
      title: expect.any(String),
      status: 401,
      detail: expect.any(String),
      code: "unauthorized",
      requestId: headers["x-request-id"],
    });
  });

  test.each([
    ["GET", "/nothing"],
    ["POST", "/api/chat/messages/x"],
    ["GET", "/api/chat/send"],
    ["POST", "/api/chat/n8n"],
  ] as const)("%s %s is 404 not_found", async (method, url) => {
    const { statusCode, data } = await shared.gateway.call(method, url);
    expect([statusCode, data.code]).toEqual([404, "not_found"]);
  });

  test("a path that cannot be decoded is a problem too", async () => {
    const response = await shared.gateway.app.inject({ url: "/api/chat/%zz", headers: { "x-request-id": "mine" } });
    expect([response.statusCode, response.headers["x-request-id"], response.json().code]).toEqual([
      400,
      "mine",
      "validation_failed",
    ]);
  });

  test("another session's id in the body is 403, whatever else is wrong with it", async () => {
    const { auth } = await shared.gateway.session();
    const payload = { sessionId: "another", content: "", unknown: 1 };
    const { statusCode, data } = await shared.gateway.call("POST", "/api/chat/send", { headers: auth, payload });
    expect([statusCode, data.code]).toEqual([403, "forbidden"]);
  });

  test.each([undefined, "application/json", "application/x-www-form-urlencoded"])(
    "an empty body that comes in chunks is {} (%s)",
    async (type) => {
      const headers = type === undefined ? {} : { "content-type": type };
      const payload = Readable.from([]);
      const response = await shared.gateway.app.inject({ method: "POST", url: SESSION, headers, payload });
      expect(response.statusCode).toBe(201);
    },
  );

  test("an id longer than any of ours is another session's, as any other", async () => {
    const { auth } = await shared.gateway.session();
    const url = `/api/chat/messages/${"a".repeat(300)}`;
    const { statusCode, data } = await shared.gateway.call("GET", url, { headers: auth });
    expect([statusCode, data.code]).toEqual([403, "forbidden"]);
  });
});

describe("x-request-id", () => {
  test("is the caller's own if it is well-formed, also with an error", async () => {
    const own = "Abc_-9".padEnd(64, "x");
    expect(
      (await shared.gateway.call("GET", SESSION, { headers: { "x-request-id": own } })).headers["x-request-id"],
    ).toBe(own);
    expect(
      (await shared.gateway.call("POST", SESSION, { headers: { "x-request-id": "a" } })).headers["x-request-id"],
    ).toBe("a");
  });

  test.each(["", "a b", "x".repeat(65), "ü", "a,b"])("%j is replaced", async (given) => {
    const { headers } = await shared.gateway.call("POST", SESSION, { headers: { "x-request-id": given } });
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test("answers are not to be kept, framed, sniffed or run", async () => {
  for (const url of [SESSION, "/nothing", "/api/openapi.json"]) {
    const { headers } = await shared.gateway.call("GET", url);
    expect(headers["content-security-policy"]).toBe(
      "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
    });
    expect(headers).not.toHaveProperty("strict-transport-security");
  }
  expect((await shared.gateway.call("POST", SESSION)).headers["cache-control"]).toBe("no-store");
});

describe("operations", () => {
  test("healthz, readyz and metrics answer", async () => {
    expect((await shared.gateway.call("GET", "/healthz")).statusCode).toBe(200);
    const ready = await shared.gateway.call("GET", "/readyz");
    expect([ready.statusCode, ready.data]).toEqual([200, { status: "ready", checks: { postgres: "ok" } }]);
    const { id, auth } = await shared.gateway.session();
    const message = { headers: auth, payload: { sessionId: id, content: "x", clientMessageId: "k" } };
    await shared.gateway.call("POST", "/api/chat/send", message);
    await shared.gateway.call("POST", "/api/chat/send", message);
    await shared.gateway.call("GET", `/nowhere/${id}`);
    const { body } = await shared.gateway.call("GET", "/metrics");
    expect(body).toMatch(/^chat_messages_accepted_total\{service="gateway"\} 1$/m);
    expect(body).toMatch(/^chat_messages_duplicate_total\{service="gateway"\} 1$/m);
    expect(body).toMatch(/^chat_bus_connected\{service="gateway"\} 1$/m);
    expect(body).toMatch(/^chat_http_request_duration_seconds_count\{.*route="\/api\/chat\/send",status="202".*\} 1$/m);
    expect(body).toMatch(/route="none",status="404"/);
    expect(body).not.toContain(id);
  });
});
