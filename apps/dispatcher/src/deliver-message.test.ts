import { newId } from "@chat-relay/core/ids";
import { verifyWebhook, webhookKeys } from "@chat-relay/core/webhook-signature";
import { readAllMessages } from "@chat-relay/database/read-messages";
import { givenMessage } from "@chat-relay/testkit/conversation";
import { startFakeN8n, type FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { replayDelivery } from "@chat-relay/database/replay-deliveries";
import { recordReply } from "@chat-relay/database/record-reply";
import { startDispatcher, type TestDispatcher } from "./testing/start-dispatcher.ts";

let dispatcher: TestDispatcher;

beforeAll(async () => {
  dispatcher = await startDispatcher();
});
afterAll(() => dispatcher[Symbol.asyncDispose]());
beforeEach(() => {
  dispatcher.n8n.calls.length = 0;
});

function callsFor(messageId: string): FakeCall[] {
  return dispatcher.n8n.calls.filter((call) => call.headers["webhook-id"] === messageId);
}

function gaps(calls: FakeCall[]): number[] {
  return calls.slice(1).map((call, index) => call.receivedAtMs - (calls[index]?.receivedAtMs ?? 0));
}

async function replies(sessionId: string): Promise<string[]> {
  const messages = await readAllMessages(dispatcher.database, sessionId);
  return messages.filter((message) => message.role === "assistant").map((message) => message.content);
}

describe("the webhook", () => {
  test("is signed over its exact bytes and is what an n8n Chat Trigger understands", async () => {
    dispatcher.n8n.answerWith(() => ({ body: { output: "Hi" } }));
    const sessionId = await dispatcher.session();
    const message = await dispatcher.send(sessionId, "Grüße 👋 \u2028");
    await dispatcher.until(message.id, "answered");
    const [call] = callsFor(message.id);
    if (call === undefined) throw new Error("no call");
    const { headers, rawBody, body } = call;
    const signature = {
      id: headers["webhook-id"] as string,
      timestamp: headers["webhook-timestamp"] as string,
      signature: headers["webhook-signature"] as string,
    };
    const now = { nowMs: Date.now(), toleranceMs: 5_000 };
    expect(verifyWebhook(webhookKeys(dispatcher.config.webhookSecret), signature, rawBody, now)).toEqual({ ok: true });
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "accept-encoding": "identity",
      "chat-attempt": "1",
    });
    expect(headers["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
    expect(body).toEqual({
      type: "chat.message.sent",
      timestamp: message.createdAt,
      data: {
        messageId: message.id,
        sequence: 1,
        content: "Grüße 👋 \u2028",
        messageType: "text",
        metadata: {},
        createdAt: message.createdAt,
        session: { id: sessionId, userId: null, authenticated: false, metadata: {}, createdAt: expect.any(String) },
        callbackUrl: "http://127.0.0.1:3001/api/chat/webhook",
      },
      action: "sendMessage",
      sessionId,
      chatInput: "Grüße 👋 \u2028",
      metadata: {},
    });
  });
});

describe("an answer in the response", () => {
  test.each([
    ["JSON with an output", { body: { output: "Hello" } }, ["Hello"]],
    ["an array of items", { body: [{ output: "one" }, { text: "two" }] }, ["one", "two"]],
    ["plain text", { body: "plain" }, ["plain"]],
  ])("%s becomes replies", async (_name, answer, expected) => {
    dispatcher.n8n.answerWith(() => answer);
    const sessionId = await dispatcher.session();
    const message = await dispatcher.send(sessionId);
    await dispatcher.until(message.id, "answered");
    expect(await replies(sessionId)).toEqual(expected);
  });

  test("without a text is a delivery: the reply comes by callback", async () => {
    dispatcher.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
    const message = await dispatcher.send(await dispatcher.session());
    const delivery = await dispatcher.until(message.id, "delivered");
    expect(delivery.attempts).toMatchObject([{ number: 1, httpStatus: 200, error: null, outcome: "delivered" }]);
  });

  test("has U+0000 and lone surrogates replaced", async () => {
    dispatcher.n8n.answerWith(() => ({
      headers: { "content-type": "application/json" },
      body: '{"output":"a\\u0000b\\ud800c"}',
    }));
    const sessionId = await dispatcher.session();
    const message = await dispatcher.send(sessionId);
    await dispatcher.until(message.id, "answered");
    expect(await replies(sessionId)).toEqual(["a\uFFFDb\uFFFDc"]);
  });
});

describe("a failed attempt", () => {
  test("is retried with the same bytes after growing delays, and the message fails after the last", async () => {
    dispatcher.n8n.answerWith(() => ({ status: 500, body: { message: "Error in workflow" } }));
    const message = await dispatcher.send(await dispatcher.session());
    const delivery = await dispatcher.until(message.id, "failed");
    expect(delivery.attempts.map(({ number, httpStatus, outcome }) => ({ number, httpStatus, outcome }))).toEqual([
      { number: 1, httpStatus: 500, outcome: "retry" },
      { number: 2, httpStatus: 500, outcome: "retry" },
      { number: 3, httpStatus: 500, outcome: "failed" },
    ]);
    expect(delivery.attempts[0]?.error).toBe('n8n answered 500: {"message":"Error in workflow"}');
    const calls = callsFor(message.id);
    expect(calls.map((call) => call.headers["chat-attempt"])).toEqual(["1", "2", "3"]);
    expect(new Set(calls.map((call) => call.rawBody.toString("hex"))).size).toBe(1);
    const [first = 0, second = 0] = gaps(calls);
    expect(first).toBeGreaterThanOrEqual(160); // 200 ms less 20 %
    expect(second).toBeGreaterThanOrEqual(320);
  });

  test("holds up its own session's next message and no other session", async () => {
    dispatcher.n8n.answerWith((call) => (call.body.chatInput === "bad" ? { status: 500 } : { body: { output: "ok" } }));
    const sessionId = await dispatcher.session();
    const bad = await dispatcher.send(sessionId, "bad");
    const next = await dispatcher.send(sessionId, "next");
    const other = await dispatcher.send(await dispatcher.session(), "other");
    await dispatcher.until(other.id, "answered");
    await dispatcher.until(next.id, "answered");
    expect((await dispatcher.delivery(bad.id)).status).toBe("failed");
    const nextAt = callsFor(next.id)[0]?.receivedAtMs ?? 0;
    expect(nextAt).toBeGreaterThanOrEqual(callsFor(bad.id)[2]?.receivedAtMs ?? Number.POSITIVE_INFINITY);
  });

  test.each([429, 503])("with %i waits as long as Retry-After says", async (status) => {
    dispatcher.n8n.answerWith((call) =>
      call.headers["chat-attempt"] === "1" ? { status, headers: { "retry-after": "1" } } : { body: { output: "ok" } },
    );
    const message = await dispatcher.send(await dispatcher.session());
    await dispatcher.until(message.id, "answered");
    expect(gaps(callsFor(message.id))[0]).toBeGreaterThanOrEqual(1_000);
  });

  test("follows when n8n hangs, trickles or breaks off", async () => {
    dispatcher.n8n.answerWith((call, response) => {
      const { chatInput } = call.body;
      if (call.headers["chat-attempt"] !== "1") return { body: { output: "ok" } };
      if (chatInput === "hangs") return undefined;
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write('{"out');
      if (chatInput === "breaks off") setTimeout(() => response.destroy(), 50);
      else setTimeout(() => setInterval(() => response.write(" "), 100).unref(), 0);
      return undefined;
    });
    const inputs = ["hangs", "trickles", "breaks off"];
    const messages = await Promise.all(inputs.map(async (input) => dispatcher.send(await dispatcher.session(), input)));
    const deliveries = await Promise.all(messages.map((message) => dispatcher.until(message.id, "answered")));
    const errors = deliveries.map((delivery) => delivery.attempts[0]?.error);
    expect(errors).toEqual([
      "n8n did not finish its answer in time",
      "n8n did not finish its answer in time",
      expect.stringMatching(/^the connection broke/),
    ]);
  });

  test("is a redirect, which is never followed", async () => {
    await using canary = await startFakeN8n();
    dispatcher.n8n.answerWith(() => ({ status: 302, headers: { location: canary.url } }));
    const message = await dispatcher.send(await dispatcher.session());
    await dispatcher.until(message.id, "failed");
    expect(callsFor(message.id)).toHaveLength(3);
    expect(canary.calls).toHaveLength(0);
  });
});

const JSON_TYPE = { "content-type": "application/json" };

describe("what a retry cannot help fails at once", () => {
  test.each([
    ["410", { status: 410 }, 410],
    ["broken JSON", { headers: JSON_TYPE, body: '{"output":' }, 200],
    ["a compressed answer", { headers: { "content-encoding": "gzip" }, body: gzipSync("hello") }, 200],
    ["a body over its limit", { headers: JSON_TYPE, body: `{"output":"ok"}${" ".repeat(1_048_576)}` }, 200],
    ["a reply over its limit", { body: "x".repeat(262_145) }, 200],
    ["headers over their limit", { headers: { "x-large": "x".repeat(60_000) }, body: "ok" }, null],
  ])("%s", async (_name, answer, httpStatus) => {
    dispatcher.n8n.answerWith(() => answer);
    const message = await dispatcher.send(await dispatcher.session());
    const delivery = await dispatcher.until(message.id, "failed");
    expect(delivery.attempts).toMatchObject([{ number: 1, httpStatus, outcome: "failed" }]);
  });
});

test("a message that is to wait long takes no place on the bus meanwhile, and goes out when it is due", async () => {
  dispatcher.n8n.answerWith((call) =>
    call.headers["chat-attempt"] === "1"
      ? { status: 429, headers: { "retry-after": "3600" } }
      : { body: { output: "at last" } },
  );
  const message = await dispatcher.send(await dispatcher.session());
  await waitFor("the refusal", async () => (await dispatcher.delivery(message.id)).attempts[0]?.outcome === "retry");
  await waitFor("the bus to hold nothing", async () => (await dispatcher.bus.state()).ackPending === 0, 10_000);
  expect((await dispatcher.delivery(message.id)).status).toBe("queued");
  const due = "UPDATE chat_session SET head_due_at = now() - interval '1 minute' WHERE id = $1";
  await dispatcher.database.query({ name: "test-due", text: due }, [message.sessionId]);
  await dispatcher.until(message.id, "answered");
  expect(dispatcher.n8n.calls.map((call) => call.headers["chat-attempt"])).toEqual(["1", "2"]);
});

test("a replayed message goes out as it was, its attempts counted on", async () => {
  dispatcher.n8n.answerWith(() => ({ status: 410 }));
  const sessionId = await dispatcher.session();
  const message = await dispatcher.send(sessionId, "again, please");
  await dispatcher.until(message.id, "failed");
  dispatcher.n8n.answerWith(() => ({ body: { output: "at last" } }));
  await replayDelivery(dispatcher.database, message.id, sessionId); // its token is left to the sweep
  await dispatcher.until(message.id, "answered");
  const [first, second, ...more] = callsFor(message.id);
  expect(more).toEqual([]);
  expect([first?.headers["chat-attempt"], second?.headers["chat-attempt"]]).toEqual(["1", "2"]);
  expect(second?.rawBody.equals(first?.rawBody ?? Buffer.alloc(0))).toBe(true);
});

test("a refusal counts though its body breaks off or never ends", async () => {
  dispatcher.n8n.answerWith((call, response) => {
    response.writeHead(410, { "content-length": "1000" });
    response.write("gone");
    if (call.body.chatInput === "breaks off") setTimeout(() => response.destroy(), 20);
    return undefined;
  });
  const inputs = ["breaks off", "never ends"];
  const messages = await Promise.all(inputs.map(async (input) => dispatcher.send(await dispatcher.session(), input)));
  for (const message of messages) {
    const delivery = await dispatcher.until(message.id, "failed");
    expect(delivery.attempts).toMatchObject([{ number: 1, httpStatus: 410, outcome: "failed" }]);
  }
});

test("a message whose attempts were all lost with their dispatchers fails without another call", async () => {
  dispatcher.n8n.answerWith(() => ({ body: { output: "never" } }));
  const sessionId = await dispatcher.session();
  const text =
    "UPDATE chat_webhook_queue SET attempts = 3, status = 'delivering', attempt_started_at = now() WHERE message_id = $1";
  const { message } = await givenMessage(dispatcher.database, sessionId);
  await dispatcher.database.query({ name: "", text }, [message.id]);
  const delivery = await dispatcher.until(message.id, "failed");
  expect(callsFor(message.id)).toHaveLength(0);
  expect(delivery.attempts).toMatchObject([{ number: 3, outcome: "failed" }]);
});

test("a message that was answered by callback before its dispatcher died is not sent again", async () => {
  dispatcher.n8n.answerWith(() => ({ body: { output: "twice" } }));
  const sessionId = await dispatcher.session();
  const { message } = await givenMessage(dispatcher.database, sessionId);
  const orphan =
    "UPDATE chat_webhook_queue SET attempts = 1, status = 'delivering', attempt_started_at = now() - interval '40 days' WHERE message_id = $1";
  await dispatcher.database.query({ name: "", text: orphan }, [message.id]);
  const reply = {
    id: newId(),
    sessionId,
    replyTo: message.id,
    content: "once",
    messageType: "text" as const,
    metadata: {},
  };
  await recordReply(dispatcher.database, { ...reply, callbackId: newId() });
  await dispatcher.until(message.id, "answered");
  expect(callsFor(message.id)).toHaveLength(0);
  expect(await replies(sessionId)).toEqual(["once"]);
});

test("the messages of a session arrive in order, many sessions at once", async () => {
  dispatcher.n8n.answerWith(async () => ({ body: { output: "ok" } }));
  const sessions = await Promise.all(Array.from({ length: 10 }, () => dispatcher.session()));
  const sent = await Promise.all(
    sessions.map(async (sessionId) => {
      const messages = [];
      for (let index = 0; index < 5; index += 1) messages.push(await dispatcher.send(sessionId, String(index)));
      return messages;
    }),
  );
  await Promise.all(sent.flat().map((message) => dispatcher.until(message.id, "answered")));
  for (const sessionId of sessions) {
    const order = dispatcher.n8n.calls
      .filter((call) => call.body.sessionId === sessionId)
      .map((call) => call.body.chatInput);
    expect(order).toEqual(["0", "1", "2", "3", "4"]);
  }
});

test("a wiped stream loses no message", async () => {
  const release = Promise.withResolvers<void>();
  dispatcher.n8n.answerWith(async () => {
    await release.promise;
    return { body: { output: "ok" } };
  });
  const sessionId = await dispatcher.session();
  const first = await dispatcher.send(sessionId);
  const second = await dispatcher.send(sessionId);
  await waitFor("the first call", () => callsFor(first.id).length === 1);
  await dispatcher.bus.client().jsm.streams.delete("CHAT");
  release.resolve();
  await dispatcher.until(first.id, "answered");
  await dispatcher.until(second.id, "answered");
  expect(callsFor(second.id)).toHaveLength(1);
});
