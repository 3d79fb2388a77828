import { startFakeN8n } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { startDispatcher } from "./testing/start-dispatcher.ts";

type Dispatcher = Awaited<ReturnType<typeof startDispatcher>>;

/** The message as it waits while n8n is away. The breaker opens before its claim is given back, and probes take it again. */
async function handedBack(dispatcher: Dispatcher, messageId: string) {
  return await waitFor("the message to be handed back", async () => {
    const delivery = await dispatcher.delivery(messageId);
    return delivery.status === "queued" && delivery;
  });
}

test("an n8n that cannot be reached costs no attempt, opens the breaker, and gets its messages in order when back", async () => {
  await using dispatcher = await startDispatcher();
  const { port } = dispatcher.n8n;
  await dispatcher.n8n[Symbol.asyncDispose]();
  const sessions = await Promise.all(Array.from({ length: 20 }, () => dispatcher.session()));
  const sent = await Promise.all(
    sessions.map(async (id) => [await dispatcher.send(id, "0"), await dispatcher.send(id, "1")]),
  );
  await waitFor("the breaker to open", async () => (await dispatcher.breaker()) === "open");
  expect((await dispatcher.delivery(sent[0]?.[0]?.id ?? "")).attempts).toEqual([]);

  await using n8n = await startFakeN8n(port);
  let most = 0;
  n8n.answerWith(() => {
    most = Math.max(most, n8n.open);
    return { body: { output: "ok" } };
  });
  await Promise.all(sent.flat().map((message) => dispatcher.until(message.id, "answered")));
  await waitFor("the breaker to close", async () => (await dispatcher.breaker()) === "closed");
  for (const sessionId of sessions) {
    const order = n8n.calls.filter((call) => call.body.sessionId === sessionId);
    expect(order.map((call) => [call.body.chatInput, call.headers["chat-attempt"]])).toEqual([
      ["0", "1"],
      ["1", "1"],
    ]);
  }
});

test.each([
  ["a name that cannot be resolved", () => "http://no-such-host.invalid/webhook"],
  ["a failed TLS handshake", (plainPort: number) => `https://127.0.0.1:${plainPort}/webhook`],
])("%s is an outage too, not an attempt", async (_name, url) => {
  await using plain = await startFakeN8n();
  await using dispatcher = await startDispatcher({ CHAT_N8N_WEBHOOK_URL: url(plain.port) });
  const message = await dispatcher.send(await dispatcher.session());
  await waitFor("the breaker to open", async () => (await dispatcher.breaker()) === "open");
  expect(await handedBack(dispatcher, message.id)).toMatchObject({ attempts: [] });
});

const HTML = "text/html; charset=utf-8";
const JSON_TYPE = "application/json; charset=utf-8";
const EXPRESS_404 = "<!DOCTYPE html>\n<html><body>\n<pre>Cannot POST /webhook/chat</pre>\n</body></html>\n";
const NO_DATABASE = '{"code":503,"message":"Database is not ready!"}';

test.each([
  ["that it is starting up", 200, HTML, "n8n is starting up. Please wait", "n8n is starting up"],
  ["that it has no such path yet", 404, HTML, EXPRESS_404, "n8n knows no such path yet"],
  ["that it has no database", 503, JSON_TYPE, NO_DATABASE, "n8n has no database"],
])("an n8n that says %s is away still, and costs no attempt", async (_name, status, contentType, body, problem) => {
  await using dispatcher = await startDispatcher();
  const connections: (number | undefined)[] = [];
  let starting = true;
  dispatcher.n8n.answerWith((_call, response) => {
    connections.push(response.req.socket.remotePort);
    return starting ? { status, body, headers: { "content-type": contentType } } : { body: { output: "ok" } };
  });
  const message = await dispatcher.send(await dispatcher.session());
  await waitFor("the breaker to open", async () => (await dispatcher.breaker()) === "open");
  expect(await handedBack(dispatcher, message.id)).toMatchObject({ attempts: [] });
  expect(dispatcher.logged[0]).toMatchObject({ level: "warn", msg: "n8n.unreachable", problem });
  starting = false;
  const delivery = await dispatcher.until(message.id, "answered");
  expect(delivery.attempts).toMatchObject([{ number: 1, outcome: "delivered" }]);
  // Kept connections may be closed by an n8n that is starting, just when the next call is written.
  expect(new Set(connections).size).toBe(connections.length);
});

test.each([
  ["a workflow's page", 200, "text/html", "<p>n8n is starting up. Please wait</p>"],
  ["the words as text", 200, "text/plain", "n8n is starting up. Please wait"],
  ["another 404", 404, "text/html", "<pre>Not found</pre>"],
  ["a workflow that is not active", 404, "application/json", '{"code":404,"message":"Cannot POST /webhook/chat"}'],
  ["another 503", 503, "application/json", '{"code":503,"message":"Database is not ready! Try later"}'],
  ["a 503 that only quotes it", 503, "application/json", `{"error":${NO_DATABASE}}`],
  ["a proxy's 503", 503, "text/html", NO_DATABASE],
  ["the same with another status", 500, "application/json", NO_DATABASE],
])("%s is an answer like others", async (_name, status, contentType, body) => {
  await using dispatcher = await startDispatcher();
  dispatcher.n8n.answerWith(() => ({ status, body, headers: { "content-type": contentType } }));
  const message = await dispatcher.send(await dispatcher.session());
  const attempt = await waitFor("the attempt", async () => (await dispatcher.delivery(message.id)).attempts[0]);
  expect(attempt.httpStatus).toBe(status);
});

const WRONG_PATH = { status: 404, body: EXPRESS_404.replace("webhook", "webhok"), headers: { "content-type": HTML } };
const NO_PATIENCE = { CHAT_N8N_STARTING_MAX_MS: "1000", CHAT_BREAKER_PROBE_MAX_MS: "300" };

test("a path that n8n never comes to know is a wrong address: its 404s are failed attempts after a while", async () => {
  await using dispatcher = await startDispatcher(NO_PATIENCE);
  dispatcher.n8n.answerWith(() => WRONG_PATH);
  const message = await dispatcher.send(await dispatcher.session());
  await waitFor("the breaker to open", async () => (await dispatcher.breaker()) === "open");
  expect((await dispatcher.delivery(message.id)).attempts).toEqual([]);
  const { attempts } = await dispatcher.until(message.id, "failed", 30_000);
  expect(attempts).toHaveLength(dispatcher.config.queueMaxAttempts);
  for (const attempt of attempts)
    expect(attempt).toMatchObject({
      httpStatus: 404,
      error: expect.stringMatching(/^n8n answered 404: [^]*Cannot POST \/webhok\/chat/),
    });
  expect(dispatcher.n8n.calls.length).toBeGreaterThan(attempts.length);
  await waitFor("the breaker to close", async () => (await dispatcher.breaker()) === "closed");
});

test("404s of one start of n8n do not count for the next", async () => {
  await using dispatcher = await startDispatcher({ ...NO_PATIENCE, CHAT_N8N_STARTING_MAX_MS: "2000" });
  const { n8n } = dispatcher;
  const tookMs = () => Date.now() - (n8n.calls[0]?.receivedAtMs ?? 0);
  // Each start has one 404; from the first of them to the last it is longer than the bound.
  n8n.answerWith(() => {
    if (tookMs() > 4_000) return { body: { output: "ok" } };
    if (n8n.calls.length % 2 === 1) return WRONG_PATH;
    return { body: "n8n is starting up. Please wait", headers: { "content-type": HTML } };
  });
  const message = await dispatcher.send(await dispatcher.session());
  const delivery = await dispatcher.until(message.id, "answered", 30_000);
  expect(delivery.attempts).toMatchObject([{ number: 1, outcome: "delivered" }]);
});

test("why n8n is unreachable is logged once for each opening, with its host and nothing else of its URL", async () => {
  await using dispatcher = await startDispatcher();
  const { port } = dispatcher.n8n;
  await dispatcher.n8n[Symbol.asyncDispose]();
  await dispatcher.send(await dispatcher.session(), "a-visitor-wrote-this");
  await waitFor("the breaker to open", async () => (await dispatcher.breaker()) === "open");
  const told = () => dispatcher.logged.filter(({ msg }) => msg === "n8n.unreachable");
  expect(told()).toMatchObject([{ level: "warn", problem: "ECONNREFUSED", host: `127.0.0.1:${port}` }]);
  await using _n8n = await startFakeN8n(port);
  await waitFor("the breaker to close", async () => (await dispatcher.breaker()) === "closed");
  expect(told()).toHaveLength(1);
  expect(JSON.stringify(dispatcher.logged)).not.toMatch(/webhook\/chat|a-visitor-wrote-this/);
});

test("after an outage, a first call that hangs does not hold up the other sessions", async () => {
  await using dispatcher = await startDispatcher({ CHAT_WEBHOOK_TIMEOUT_MS: "60000", CHAT_BREAKER_RAMP_MS: "200" });
  const { port } = dispatcher.n8n;
  await dispatcher.n8n[Symbol.asyncDispose]();
  const sent = await Promise.all(Array.from({ length: 6 }, async () => dispatcher.send(await dispatcher.session())));
  await waitFor("the breaker to open", async () => (await dispatcher.breaker()) === "open");
  await using n8n = await startFakeN8n(port);
  n8n.answerWith(() => (n8n.calls.length === 1 ? undefined : { body: { output: "ok" } }));
  await waitFor("the first call", () => n8n.calls.length > 0);
  const hanging = n8n.calls[0]?.headers["webhook-id"];
  const others = sent.filter((message) => message.id !== hanging);
  const deliveries = await Promise.all(others.map((message) => dispatcher.until(message.id, "answered")));
  expect(deliveries).toHaveLength(5);
});

test("a dispatcher that stops hands calls under way back without spending an attempt", async () => {
  await using dispatcher = await startDispatcher({ CHAT_WEBHOOK_TIMEOUT_MS: "60000" });
  dispatcher.n8n.answerWith(() => undefined);
  const message = await dispatcher.send(await dispatcher.session());
  await waitFor("the call", () => dispatcher.n8n.calls.length === 1);
  await dispatcher.stop();
  expect(await dispatcher.delivery(message.id)).toMatchObject({ status: "queued", attempts: [] });
});

test("a delivered message without a reply in time becomes unanswered", async () => {
  await using dispatcher = await startDispatcher({ CHAT_REPLY_TIMEOUT_MS: "200" });
  const message = await dispatcher.send(await dispatcher.session());
  const delivery = await dispatcher.until(message.id, "unanswered");
  expect(delivery.attempts).toMatchObject([{ outcome: "delivered" }]);
});

test.each(["refuse", "blackhole"] as const)(
  "what n8n answered while PostgreSQL was away (%s) is recorded when it is back, without another call",
  async (fault) => {
    await using dispatcher = await startDispatcher({
      CHAT_DATABASE_TIMEOUT_MS: "500",
      CHAT_WEBHOOK_TIMEOUT_MS: "10000",
    });
    const release = Promise.withResolvers<void>();
    dispatcher.n8n.answerWith(async () => {
      await release.promise;
      return { body: { output: "kept" } };
    });
    const message = await dispatcher.send(await dispatcher.session());
    await waitFor("the call", () => dispatcher.n8n.calls.length === 1);
    await dispatcher.postgres[fault]();
    release.resolve();
    await dispatcher.n8n.calls[0]?.ended;
    expect((await dispatcher.delivery(message.id)).status).toBe("delivering");
    await dispatcher.postgres.pass();
    const delivery = await dispatcher.until(message.id, "answered");
    expect(delivery.attempts).toMatchObject([{ number: 1, outcome: "delivered" }]);
    expect(dispatcher.n8n.calls).toHaveLength(1);
  },
);

test.each(["refuse", "blackhole"] as const)("work goes on by itself when NATS was away (%s)", async (fault) => {
  await using dispatcher = await startDispatcher();
  dispatcher.n8n.answerWith(() => ({ body: { output: "ok" } }));
  const sessionId = await dispatcher.session();
  await dispatcher.until((await dispatcher.send(sessionId)).id, "answered");
  await dispatcher.nats[fault]();
  const message = await dispatcher.send(sessionId);
  await dispatcher.nats.pass();
  const delivery = await dispatcher.until(message.id, "answered", 40_000);
  expect(delivery.status).toBe("answered");
});

test("a call whose lease another dispatcher has taken is given up, and changes nothing", async () => {
  await using dispatcher = await startDispatcher({ CHAT_WEBHOOK_TIMEOUT_MS: "60000" });
  dispatcher.n8n.answerWith(() => undefined);
  const sessionId = await dispatcher.session();
  const message = await dispatcher.send(sessionId);
  await waitFor("the call", () => dispatcher.n8n.calls.length === 1);
  const overtake =
    "UPDATE chat_session SET lease_token = lease_token + 1, lease_until = now() + interval '1 hour' WHERE id = $1";
  await dispatcher.database.query({ name: "", text: overtake }, [sessionId]);
  await dispatcher.n8n.calls[0]?.ended; // the dispatcher hangs up
  expect(await dispatcher.delivery(message.id)).toMatchObject({ status: "delivering", attempts: [] });
});
