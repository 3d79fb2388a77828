import { newId } from "@chat-relay/core/ids";
import { webhookBody } from "@chat-relay/core/webhook-body";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { CallMemory } from "./call-memory.ts";
import { receiveMessage, type ResponseMode } from "./receive-message.ts";
import { signWebhook } from "./webhook-signature.ts";

const KEY = Buffer.from("a-secret-for-the-tests");
const CREATED_AT = "2027-01-02T03:04:05.678Z";
const MESSAGE_ID = newId();
const BODY = webhookBody({
  messageId: MESSAGE_ID,
  sequence: 1,
  content: "Grüße 👋",
  messageType: "text",
  metadata: {},
  createdAt: CREATED_AT,
  callbackUrl: "http://127.0.0.1:3001/api/chat/webhook",
  session: { id: newId(), userId: null, authenticated: false, metadata: {}, createdAt: CREATED_AT },
});

let server: Server | undefined;
let refusals: string[] = [];

afterEach(async () => {
  refusals = [];
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
});

async function rawBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Answers as n8n does once the trigger has spoken; an execution answers with its items, or with `failWith`. */
async function startTrigger(responseMode: ResponseMode, { failWith = 200, memory = new CallMemory() } = {}) {
  const executions: unknown[] = [];
  server = createServer((request, response) => {
    void rawBody(request).then((body) => {
      const result = receiveMessage({
        request: Object.assign(request, { rawBody: body }),
        response,
        keys: [KEY],
        responseMode,
        trigger: "workflow node",
        memory,
        onRefused: (reason) => refusals.push(reason),
      });
      const items = result.workflowData?.[0]?.map(({ json }) => json);
      if (items !== undefined) executions.push(items[0]);
      if (items === undefined && result.noWebhookResponse === true) return;
      if (!response.headersSent) response.statusCode = failWith;
      response.end(JSON.stringify(items ?? result.webhookResponse));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, executions };
}

interface Sent {
  body?: Buffer;
  ageSeconds?: number;
  headers?: Record<string, string>;
}

function send(url: string, { body = BODY, ageSeconds = 0, headers = {} }: Sent = {}): Promise<Response> {
  const timestamp = String(Math.floor(Date.now() / 1_000) - ageSeconds);
  const signature = signWebhook(KEY, MESSAGE_ID, timestamp, body);
  const signed = { "webhook-id": MESSAGE_ID, "webhook-timestamp": timestamp, "webhook-signature": signature };
  return fetch(url, { method: "POST", body, headers: { ...signed, "chat-attempt": "2", ...headers } });
}

test("a message starts an execution with its item, the attempt among it", async () => {
  const { url, executions } = await startTrigger("lastNode");
  const response = await send(url);
  expect(response.status).toBe(200);
  expect(executions).toMatchObject([{ chatInput: "Grüße 👋", messageId: MESSAGE_ID, attempt: 2 }]);
});

test.each([
  ["unsigned", { headers: { "webhook-signature": "" } }, "signature_missing"],
  ["with another message's id", { headers: { "webhook-id": newId() } }, "signature_mismatch"],
  ["that is too old", { ageSeconds: 302 }, "timestamp_out_of_tolerance"],
] as const)("a call %s is refused without a reason and starts nothing", async (_name, sent, reason) => {
  const { url, executions } = await startTrigger("lastNode");
  const response = await send(url, sent);
  expect(response.status).toBe(401);
  expect(await response.json()).toEqual({ code: 401, message: "The signature is missing or not valid" });
  expect(executions).toEqual([]);
  expect(refusals).toEqual([reason]);
});

test("what is signed but no chat message is refused", async () => {
  const { url, executions } = await startTrigger("lastNode");
  const response = await send(url, { body: Buffer.from('{"type":"other"}') });
  expect(response.status).toBe(400);
  expect(executions).toEqual([]);
});

test("a message under another one's id is refused, though it is signed", async () => {
  const { url, executions } = await startTrigger("lastNode");
  const other = Buffer.from(BODY.toString().replaceAll(MESSAGE_ID, newId()));
  expect((await send(url, { body: other })).status).toBe(400);
  expect(executions).toEqual([]);
});

test("streaming begins the response as n8n's lines need it", async () => {
  const { url } = await startTrigger("streaming");
  const response = await send(url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
  expect(response.headers.get("transfer-encoding")).toBe("chunked");
});

test("answering later, another attempt is taken and starts nothing", async () => {
  const { url, executions } = await startTrigger("onReceived");
  await send(url, { ageSeconds: 3 });
  const response = await send(url);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ message: "Workflow was started" });
  expect(executions.length).toBe(1);
});

test("answering later, an attempt after one that n8n did not accept starts an execution", async () => {
  const memory = new CallMemory();
  const { url, executions } = await startTrigger("onReceived", { failWith: 500, memory });
  expect((await send(url, { ageSeconds: 3 })).status).toBe(500);
  expect((await send(url)).status).toBe(500);
  expect(executions.length).toBe(2);
});

test.each(["lastNode", "streaming"] as const)(
  "%s: another attempt runs again, since the first answer reached nobody; the very same call does not",
  async (responseMode) => {
    const { url, executions } = await startTrigger(responseMode);
    const replayed = { headers: { "webhook-timestamp": "", "webhook-signature": "" } };
    const timestamp = String(Math.floor(Date.now() / 1_000) - 3);
    replayed.headers["webhook-timestamp"] = timestamp;
    replayed.headers["webhook-signature"] = signWebhook(KEY, MESSAGE_ID, timestamp, BODY);
    expect((await send(url, replayed)).status).toBe(200);
    expect((await send(url)).status).toBe(200);
    expect(executions.length).toBe(2);
    expect((await send(url, replayed)).status).toBe(409);
    expect(executions.length).toBe(2);
  },
);
