import { newId } from "@chat-relay/core/ids";
import { signWebhook } from "@chat-relay/core/webhook-signature";
import { givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import type { FastifyInstance } from "fastify";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postCallback, SECRET, signedHeaders, testReceiver, type Signed } from "./testing/test-receiver.ts";

let stores: TestDatabase;
let app: FastifyInstance;
let sessionId: string;
let body: Buffer;

beforeAll(async () => {
  stores = await createTestDatabase();
  app = testReceiver(stores.database, { CHAT_RATE_LIMIT_DISABLED: "true" });
  sessionId = await givenSession(stores.database);
  body = Buffer.from(JSON.stringify({ sessionId, content: "Hello" }), "utf8");
});
afterAll(async () => {
  await app.close();
  await stores[Symbol.asyncDispose]();
});

type Forgery = (signed: Record<string, string>) => Signed;

const signature =
  (change: (value: string) => string): Forgery =>
  (signed) => ({
    headers: { "webhook-signature": change(signed["webhook-signature"] ?? "") },
  });

const header =
  (name: string, value: string | undefined): Forgery =>
  () => ({ headers: { [name]: value } });

const withoutPadding = (value: string) => value.replace(/=+$/, "");

const FORGERIES: Record<string, Forgery> = {
  "no headers at all": () => ({
    headers: { "webhook-id": undefined, "webhook-timestamp": undefined, "webhook-signature": undefined },
  }),
  "no id": header("webhook-id", undefined),
  "another id": header("webhook-id", "evt_other"),
  "an empty id": header("webhook-id", ""),
  "an id with a dot": () => ({ id: "evt.1" }),
  "an id that is too long": () => ({ id: "x".repeat(65) }),
  "no timestamp": header("webhook-timestamp", undefined),
  "another timestamp": (signed) => ({
    headers: { "webhook-timestamp": String(Number(signed["webhook-timestamp"]) - 1) },
  }),
  "junk behind the timestamp": (signed) => ({ headers: { "webhook-timestamp": `${signed["webhook-timestamp"]}x` } }),
  "a timestamp in milliseconds": () => ({ headers: { "webhook-timestamp": String(Date.now()) } }),
  "a negative timestamp": header("webhook-timestamp", "-1"),
  "another key": () => ({ key: Buffer.from("another-secret-altogether") }),
  "a byte more in the body": () => ({ sentBody: Buffer.concat([body, Buffer.from(" ")]) }),
  "a byte less in the body": () => ({ sentBody: body.subarray(0, -1) }),
  "another spacing": () => ({ sentBody: JSON.stringify(JSON.parse(body.toString()), null, 1) }),
  "another order of keys": () => ({ sentBody: JSON.stringify({ content: "Hello", sessionId }) }),
  "escapes for characters": () => ({ sentBody: body.toString().replace("Hello", "\\u0048ello") }),
  "another byte that is no UTF-8": () => ({ sentBody: Buffer.concat([body, Buffer.from([0xff])]) }),
  "no signature": header("webhook-signature", undefined),
  "an empty signature": header("webhook-signature", ""),
  "a blank signature": header("webhook-signature", " "),
  "a truncated signature": signature((value) => value.slice(0, -5)),
  "a signature without its padding": signature(withoutPadding),
  "a signature with more padding": signature((value) => `${value}=`),
  "another last character with the same bits": signature((value) =>
    value.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`),
  ),
  "a signature in base64url": () => ({ headers: { "webhook-signature": `v1,${"-_".repeat(21)}A=` } }),
  "a signature without version": signature((value) => value.slice("v1,".length)),
  "version v1a only": signature((value) => value.replace("v1,", "v1a,")),
  "version V1": signature((value) => value.replace("v1,", "V1,")),
  "a comma between signatures": signature((value) => `v1,AAAA,${value}`),
  "the right one behind 32 wrong ones": signature((value) => `${"v1,AAAA ".repeat(32)}${value}`),
  "the header for the id twice": (signed) => ({ headers: { "webhook-id": [signed["webhook-id"] ?? "", "evt_2"] } }),
  "the header for the time twice": (signed) => ({
    headers: { "webhook-timestamp": [signed["webhook-timestamp"] ?? "", "1"] },
  }),
  "the header for the signature twice": (signed) => ({
    headers: { "webhook-signature": ["v1,AAAA", signed["webhook-signature"] ?? ""] },
  }),
  "a signed time 301 s ago": () => ({ ageSeconds: 301 }),
  "a signed time 302 s ahead": () => ({ ageSeconds: -302 }), // a second may pass on the way
};

async function forge(
  forgery: Forgery,
  contentType?: string,
): Promise<{ statusCode: number; problem: { requestId: string } }> {
  const id = `evt_${newId()}`;
  const options = forgery(signedHeaders(body, { id }));
  const response = await postCallback(app, body, { id, ...options, contentType: contentType ?? "application/json" });
  return { statusCode: response.statusCode, problem: response.json() };
}

describe("a callback that is not authentic", () => {
  const without = (problem: { requestId: string }) => ({ ...problem, requestId: "" });

  test.each(Object.entries(FORGERIES))("401 for %s, and always the same answer", async (_name, forgery) => {
    const { statusCode, problem } = await forge(forgery);
    const plain = await forge(FORGERIES["no headers at all"] as Forgery);
    expect(statusCode).toBe(401);
    expect(problem).toMatchObject({ status: 401, code: "unauthorized" });
    expect(without(problem)).toEqual(without(plain.problem));
  });

  test.each(["text/plain", "application/json; charset=utf-8", "nonsense", ";;;", "a/b, c/d"])(
    "learns nothing about its content type %s",
    async (contentType) => {
      const { statusCode } = await forge(FORGERIES["another key"] as Forgery, contentType);
      expect(statusCode).toBe(401);
    },
  );

  test("is found out by its bytes, not by the text that they decode to", async () => {
    const signed = Buffer.from(JSON.stringify({ sessionId, content: "\uFFFD" }), "utf8");
    const at = signed.indexOf("\uFFFD");
    const sentBody = Buffer.concat([signed.subarray(0, at), Buffer.from([0xff]), signed.subarray(at + 3)]);
    expect(sentBody.toString("utf8")).toBe(signed.toString("utf8"));
    expect((await postCallback(app, signed, { sentBody })).statusCode).toBe(401);
  });

  test("gets the same answer for more headers than Node reads", async () => {
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    const headers = { "webhook-signature": "v1,AAAA ".repeat(10_000) };
    const response = await fetch(`${url}/api/chat/webhook`, { method: "POST", headers, body: "{}" });
    const problem = (await response.json()) as { requestId: string };
    const plain = await forge(FORGERIES["no headers at all"] as Forgery);
    expect(response.status).toBe(401);
    expect(response.headers.get("x-request-id")).toBe(problem.requestId);
    expect(without(problem)).toEqual(without(plain.problem));
  });

  test("learns nothing about its body or its session", async () => {
    for (const sentBody of ["", "{", "[]", JSON.stringify({ sessionId: newId(), content: "x" })]) {
      expect((await forge(() => ({ sentBody }))).statusCode).toBe(401);
    }
  });
});

describe("a callback that is authentic", () => {
  const accepted: Record<string, Signed | Forgery> = {
    "a time 299 s ago": { ageSeconds: 299 },
    "a time 299 s ahead": { ageSeconds: -299 },
    "an id of 64 characters": () => ({ id: newId().replaceAll("-", "").padEnd(64, "x") }),
    "a wrong signature beside the right one": signature((value) => `v1,AAAA v1a,BBBB ${value}`),
    "the right one behind 31 wrong ones": signature((value) => `${"v1,AAAA ".repeat(31)}${value}`),
  };

  test.each(Object.entries(accepted))("200 with %s", async (_name, options) => {
    const id = `evt_${newId()}`;
    const own = typeof options === "function" ? options(signedHeaders(body, { id })) : options;
    expect((await postCallback(app, body, { id, ...own })).statusCode).toBe(200);
  });

  test.each([
    ["spacing", (raw: string) => raw.replaceAll(":", " :\n\t")],
    [
      "order of keys",
      (raw: string) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(raw)).toReversed())),
    ],
    ["escapes", (raw: string) => raw.replace("Hello", "\\u0048ell\\u006f")],
    ["a byte order mark", (raw: string) => `\uFEFF${raw}`],
  ])("200 for its own bytes with other %s", async (_name, write) => {
    expect((await postCallback(app, write(body.toString()))).statusCode).toBe(200);
  });

  test("during a rotation may be signed by the new key or the old one, not by a third", async () => {
    const rotating = testReceiver(stores.database, { CHAT_WEBHOOK_SECRET: `the-new-secret-of-the-tests ${SECRET}` });
    const statusOf = async (key: string) => (await postCallback(rotating, body, { key: Buffer.from(key) })).statusCode;
    expect(await statusOf("the-new-secret-of-the-tests")).toBe(200);
    expect(await statusOf(SECRET)).toBe(200);
    expect(await statusOf("a-third-secret-of-the-tests")).toBe(401);
    await rotating.close();
  });

  test("may be signed by the standardwebhooks package", async () => {
    const key = Buffer.alloc(32, 7);
    const shared = testReceiver(stores.database, { CHAT_WEBHOOK_SECRET: `whsec_${key.toString("base64")}` });
    const [id, now] = [`msg_${newId()}`, new Date()];
    const signed = new Webhook(key.toString("base64")).sign(id, now, body.toString("utf8"));
    const timestamp = String(Math.floor(now.getTime() / 1_000));
    const headers = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signed };
    expect((await postCallback(shared, body, { headers })).statusCode).toBe(200);
    expect(signed).toBe(signWebhook(key, id, Number(timestamp), body));
    await shared.close();
  });
});
