import { signWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import type { FastifyInstance } from "fastify";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createPeerGateway } from "../peers/peer-gateway.ts";
import type { PeerMessage } from "../peers/peer-message.ts";
import { openAudience, type Audience } from "./audience.ts";
import { saturate } from "./saturate.ts";

const SECRET = "a-secret-of-the-tests";
const KEY = webhookKeys(SECRET)[0] as WebhookKey;

let app: FastifyInstance;
let audience: Audience | undefined;
afterEach(async () => {
  audience?.[Symbol.dispose]();
  await app.close();
});

async function callBack({ id, sessionId }: PeerMessage, replyTo = id): Promise<void> {
  const body = JSON.stringify({ sessionId, replyTo, content: "Here it is." });
  const timestamp = Math.floor(Date.now() / 1_000);
  const headers = {
    "content-type": "application/json",
    "webhook-id": `reply-${id}`,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(KEY, `reply-${id}`, timestamp, Buffer.from(body)),
  };
  const { statusCode } = await app.inject({ method: "POST", url: "/api/chat/webhook", headers, body });
  expect(statusCode).toBe(200);
}

/** Visitors of a gateway that does this with each message. */
async function visitorsOf(accept: (message: PeerMessage) => Promise<void>, count: number) {
  const settings = { databaseUrl: "", brokerUrl: "", n8nUrl: "", secret: SECRET, port: 0 };
  app = createPeerGateway({ accept, keepReply: async () => undefined }, settings);
  await app.listen({ port: 0, host: "127.0.0.1" });
  audience = await openAudience([(app.server.address() as AddressInfo).port], count);
  return audience.visitors;
}

test("answered is who has both the acceptance and the live reply, whichever comes first", async () => {
  let times = 0;
  const visitors = await visitorsOf(async (message) => {
    times += 1;
    if (times === 1) await callBack(message);
    else setTimeout(() => void callBack(message), 50);
  }, 1);
  const [visitor] = visitors;
  const early = await visitor?.ask();
  expect(early?.answeredAtMs).toBeLessThan(early?.acceptedAtMs ?? 0);
  const late = await visitor?.ask();
  expect(late?.answeredAtMs).toBeGreaterThan(late?.acceptedAtMs ?? Infinity);
});

test("a reply that comes twice is noticed", async () => {
  const [visitor] = await visitorsOf(async (message) => {
    await callBack(message);
    await callBack(message);
  }, 1);
  await visitor?.ask();
  await expect.poll(() => visitor?.strayReplies, { timeout: 20_000 }).toBe(1);
});

test("a reply to another message is no answer", async () => {
  const [visitor] = await visitorsOf((message) => callBack(message, "another"), 1);
  await expect(visitor?.ask()).rejects.toThrow("another message");
});

test("a message that is refused is a failure", async () => {
  const visitors = await visitorsOf(() => Promise.reject(new Error("no room")), 2);
  const load = { users: 1, durationMs: 100, patienceMs: 10_000, signal: new AbortController().signal };
  const { answered, failures } = await saturate(visitors, load);
  expect(answered).toBe(0);
  expect(failures[0]).toContain("answered 500");
});

test("users ask again and again, one thing at a time in a session", async () => {
  const open = new Set<string>();
  const visitors = await visitorsOf(async (message) => {
    expect(open.has(message.sessionId)).toBe(false);
    open.add(message.sessionId);
    await callBack(message);
    open.delete(message.sessionId);
  }, 8);
  const load = { users: 4, durationMs: 300, patienceMs: 10_000, signal: new AbortController().signal };
  const { answered, answeredInTime, failures } = await saturate(visitors, load);
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(4);
  expect(answered - answeredInTime).toBeLessThanOrEqual(4);
});

test("who is never answered is given up when the time is over", async () => {
  const visitors = await visitorsOf(async () => undefined, 2);
  const load = { users: 2, durationMs: 50, patienceMs: 200, signal: new AbortController().signal };
  const { failures } = await saturate(visitors, load);
  expect(failures).toEqual(["Error: no answer came in time", "Error: no answer came in time"]);
});
