import { randomUUID } from "node:crypto";
import { newId } from "@chat-relay/core/ids";
import { beforeAll, describe, expect, test } from "vitest";
import { FakeDispatcher, listening, type LiveGateway } from "../testing/live-gateway.ts";
import { N8nPage } from "../testing/n8n-page.ts";
import type { TestGateway } from "../testing/test-gateway.ts";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
const PATH = "/api/chat/n8n";
const ORIGIN = "https://shop.example";
const ENV = { CHAT_RATE_LIMIT_DISABLED: "true", CHAT_N8N_COMPAT: "true", CHAT_ALLOWED_ORIGINS: ORIGIN };

let gateway: LiveGateway;
let dispatcher: FakeDispatcher;
beforeAll(async () => {
  gateway = await listening(await shared.stores.gateway(ENV));
  dispatcher = new FakeDispatcher(shared.stores, gateway);
});

const body = (extra: object = {}) => ({ action: "sendMessage", sessionId: randomUUID(), chatInput: "Hi", ...extra });
const post = (payload: object) => gateway.call("POST", PATH, { payload });

test("is not there unless it is turned on", async () => {
  const answer = await shared.gateway.call("POST", PATH, { payload: body() });
  expect([answer.statusCode, answer.data.code]).toEqual([404, "not_found"]);
  const other = await shared.gateway.call("POST", "/api/chat/nothing", { payload: body() });
  expect({ ...answer.data, requestId: "" }).toEqual({ ...other.data, requestId: "" });
  expect((await gateway.call("GET", PATH)).statusCode).toBe(404);
});

test("is in the API's document while it is there, with a body that must be", async () => {
  const documentOf = async (own: TestGateway) => (await own.call("GET", "/api/openapi.json")).data.paths[PATH];
  expect(await documentOf(shared.gateway)).toBeUndefined();
  const { post: operation } = await documentOf(gateway);
  expect([operation.security, operation.requestBody.required]).toEqual([[], true]);
  expect(Object.keys(operation.responses["200"].content)).toEqual(["application/json", "text/plain"]);
});

describe("sendMessage", () => {
  test("is accepted like any message, waits, and is answered with the reply", async () => {
    const page = new N8nPage(gateway);
    const asked = page.ask("Grüße 👋", { metadata: { page: "/cart" }, somethingNew: true });
    const messageId = await page.accepted("Grüße 👋");
    expect(asked.text).toBe("");
    await dispatcher.answer(page.sessionId, messageId, ["Hello!\n", "And more."]);
    expect(await asked.json()).toEqual({ output: "Hello!\n\n\nAnd more." });
    const { status, headers } = await asked.answered();
    expect([status, headers["content-type"]]).toEqual([200, "application/json; charset=utf-8"]);
    expect(headers["x-accel-buffering"]).toBe("no");
    const [stored] = await page.stored();
    expect(stored).toMatchObject({ sessionId: page.sessionId, content: "Grüße 👋", metadata: { page: "/cart" } });
  });

  test("goes on in the same session", async () => {
    const page = new N8nPage(gateway);
    for (const text of ["one", "two"]) {
      const asked = page.ask(text);
      await dispatcher.answer(page.sessionId, await page.accepted(text), [`Re: ${text}`]);
      expect(await asked.json()).toEqual({ output: `Re: ${text}` });
    }
    expect((await page.stored()).map(({ sequence, content }) => `${sequence} ${content}`)).toEqual([
      "1 one",
      "2 Re: one",
      "3 two",
      "4 Re: two",
    ]);
  });

  test("with Accept: text/plain is answered in n8n's lines, while the reply is written", async () => {
    const page = new N8nPage(gateway);
    const asked = page.askStreaming("Tell me");
    const claim = await dispatcher.claim(page.sessionId, await page.accepted("Tell me"));
    await dispatcher.show(claim, { block: 0, offset: 0, content: "Once " });
    await asked.untilShown("Once ");
    await dispatcher.show(claim, { block: 0, offset: 5, content: "upon" });
    await asked.untilShown("Once upon");
    expect(asked.closed).toBe(false);
    const attempt = { durationMs: 1, httpStatus: 200, error: null };
    await dispatcher.settle(claim, { kind: "delivered", attempt, replies: ["Once upon a time."] });
    await asked.untilShown("Once upon a time.");
    expect(asked.lines.map(({ type }) => type)).toEqual(["begin", "item", "item", "item", "end"]);
    const metadata = { nodeId: "chat-relay", nodeName: "chat-relay", itemIndex: 0, runIndex: 0 };
    for (const line of asked.lines)
      expect(line.metadata).toEqual({ ...metadata, timestamp: expect.any(Number) as number });
    expect((await asked.answered()).headers["content-type"]).toBe("text/plain; charset=utf-8");
  });

  test.each(["application/json", "*/*", "application/json, text/plain, */*"])(
    "with Accept: %s is answered in JSON",
    async (accept) => {
      const page = new N8nPage(gateway);
      const asked = page.post({ ...body({ chatInput: accept }), sessionId: page.sessionId }, { accept });
      await dispatcher.answer(page.sessionId, await page.accepted(accept), ["Yes"]);
      expect(await asked.json()).toEqual({ output: "Yes" });
    },
  );
});

describe("loadPreviousSession", () => {
  test("gets the messages in their order, the way that LangChain writes them", async () => {
    const page = new N8nPage(gateway);
    const asked = page.ask("Hello");
    await dispatcher.answer(page.sessionId, await page.accepted("Hello"), ["Hi", "there"]);
    await asked.json();
    const { data } = await page.post({ action: "loadPreviousSession", sessionId: page.sessionId, metadata: {} }).json();
    expect(data[0]).toEqual({
      lc: 1,
      type: "constructor",
      id: ["langchain_core", "messages", "HumanMessage"],
      kwargs: { content: "Hello", additional_kwargs: {} },
    });
    expect(await page.previous()).toEqual(["human: Hello", "bot: Hi", "bot: there"]);
  });

  test("gets nothing of a session that there is not, and makes none", async () => {
    const page = new N8nPage(gateway);
    expect(await page.previous()).toEqual([]);
    expect(await page.stored()).toEqual([]);
  });

  test("gets no more than the newest page", async () => {
    const small = await listening(
      await shared.stores.gateway({ ...ENV, CHAT_PAGE_SIZE: "2", CHAT_PAGE_SIZE_MAX: "3" }),
    );
    const page = new N8nPage(small);
    for (const text of ["one", "two"]) {
      const asked = page.ask(text);
      await dispatcher.answer(page.sessionId, await page.accepted(text), [`Re: ${text}`]);
      await asked.json();
    }
    expect(await page.previous()).toEqual(["bot: Re: one", "human: two", "bot: Re: two"]);
  });
});

describe("refusals", () => {
  test.each([
    ["no action", { action: undefined }, "#/action"],
    ["another action", { action: "deleteEverything" }, "#/action"],
    ["an id that is no UUID", { sessionId: "customer-7" }, "#/sessionId"],
    ["an id that anybody can guess", { sessionId: "00000000-0000-0000-0000-000000000000" }, "#/sessionId"],
    ["no text", { chatInput: undefined }, "#/chatInput"],
    ["nothing but white space", { chatInput: " \n" }, "#/chatInput"],
    ["too long a text", { chatInput: "x".repeat(4_001) }, "#/chatInput"],
    ["text that cannot be stored", { chatInput: "a\u0000b" }, "#/chatInput"],
    ["too much metadata", { metadata: { text: "x".repeat(9_000) } }, "#/metadata"],
    ["metadata that is no object", { metadata: [] }, "#/metadata"],
  ])("%s: 400, and the widget shows why", async (_what, extra, pointer) => {
    const { statusCode, data } = await post(body(extra));
    expect([statusCode, data.code, data.errors[0].pointer]).toEqual([400, "validation_failed", pointer]);
    expect(data.message).toBe(data.detail);
    expect([data.output, data.text]).toEqual([undefined, undefined]); // which would be shown instead
  });

  test("a body that is too large: 413; one that is no JSON: 400 or 415", async () => {
    expect((await post(body({ more: "x".repeat(70_000) }))).statusCode).toBe(413);
    const call = (type: string, payload: string) =>
      gateway.call("POST", PATH, { headers: { "content-type": type }, payload });
    expect((await call("application/json", "{")).statusCode).toBe(400);
    expect((await call("text/plain", JSON.stringify(body()))).statusCode).toBe(415);
    expect((await gateway.call("POST", PATH)).statusCode).toBe(400);
  });

  test("files: 415 with a message, and nothing is sent", async () => {
    const { sessionId } = new N8nPage(gateway);
    const form = new FormData();
    for (const [name, value] of Object.entries(body({ sessionId }))) form.append(name, value);
    form.append("files", new Blob(["x".repeat(300_000)]), "large.txt");
    const response = await fetch(gateway.url + PATH, { method: "POST", body: form });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({
      code: "unsupported_media_type",
      message: "Files cannot be sent in this chat; send the text alone",
    });
    const streamed = await fetch(gateway.url + PATH, { method: "POST", body: form, headers: { accept: "text/plain" } });
    expect(streamed.status).toBe(200); // else the widget shows nothing of it
    expect(JSON.parse(await streamed.text())).toMatchObject({
      type: "error",
      content: "Files cannot be sent in this chat; send the text alone",
    });
  });

  test("a refusal of lines has its status too", async () => {
    const payload = body({ chatInput: "" });
    expect((await gateway.call("POST", PATH, { payload, headers: { accept: "text/plain" } })).statusCode).toBe(400);
  });
});

test("pages of the allowed origins may call, with what the widget sends, and no others", async () => {
  const preflight = (origin: string) =>
    gateway.call("OPTIONS", PATH, {
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    });
  const allowed = await preflight(ORIGIN);
  expect(allowed.headers["access-control-allow-origin"]).toBe(ORIGIN);
  expect(allowed.headers["access-control-allow-headers"]).toContain("content-type");
  expect((await preflight("https://evil.example")).headers).not.toHaveProperty("access-control-allow-origin");
  const page = new N8nPage(gateway);
  const load = { action: "loadPreviousSession", sessionId: page.sessionId };
  const { headers } = await page.post(load, { origin: ORIGIN }).answered();
  expect(headers["access-control-allow-origin"]).toBe(ORIGIN);
});

test("an id in capital letters is the same id", async () => {
  const sessionId = newId();
  const page = new N8nPage(gateway, sessionId);
  const asked = page.post(body({ sessionId: sessionId.toUpperCase(), chatInput: "Hello" }));
  await dispatcher.answer(sessionId, await page.accepted("Hello"), ["Hi"]);
  expect(await asked.json()).toEqual({ output: "Hi" });
});
