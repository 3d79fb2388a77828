import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import {
  answerAsPortal,
  breakOff,
  fallSilent,
  loseAnswer,
  refuse,
  swallowAnswer,
  type FakeGateway,
  type Fault,
} from "./testing/fake-gateway.ts";
import {
  NEVER,
  recordSnapshots,
  shown,
  testClient,
  testGateway,
  untilLive,
  untilShown,
} from "./testing/test-client.ts";
import { TestPage } from "./testing/test-page.ts";
import { BlockedStorage, FullStorage, TestStorage } from "./testing/test-storage.ts";

function keysSent(gateway: FakeGateway): string[] {
  return gateway.named("POST /send").map(({ body }) => body.clientMessageId);
}

function statesOf(client: ReturnType<typeof testClient>): string[] {
  return client.snapshot.messages.map(({ state }) => state);
}

test("the first message opens a session, and is shown at once and once", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  client.start();
  const snapshots = recordSnapshots(client);
  const message = client.send("Hello!", { metadata: { page: "/" } });
  expect([message.state, shown(client)]).toEqual(["unsent", ["- user Hello! unsent"]]);
  await untilLive(client);
  await untilShown(client, "it to be queued", () => shown(client)[0] === "1 user Hello! queued");
  expect(client.snapshot.messages).toMatchObject([{ key: message.key, id: "session-1-m1", metadata: { page: "/" } }]);
  expect(snapshots.every(({ messages }) => messages.length === 1)).toBe(true);
  expect(gateway.named("POST /send").map(({ body }) => body)).toEqual([
    { sessionId: "session-1", content: "Hello!", metadata: { page: "/" }, clientMessageId: message.key },
  ]);
});

test("the token is in a header and in no URL", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  client.start();
  client.send("Hello!");
  await untilLive(client);
  await untilShown(client, "the session", ({ session }) => session?.sessionId === "session-1");
  await waitFor("the history", () => gateway.named("GET /session").length > 0);
  await client.reset();
  const [opening, ...others] = gateway.requests;
  expect([opening?.name, opening?.headers.authorization]).toEqual(["POST /session", undefined]);
  expect(others.length).toBeGreaterThanOrEqual(4);
  for (const { headers } of others) expect(headers.authorization).toBe("Bearer token-1");
  for (const { url } of gateway.requests) expect(url).not.toContain("token");
});

test.each<[string, Fault]>([
  ["the connection breaks", breakOff],
  ["the answer is lost", loseAnswer],
  ["the gateway falls silent", fallSilent],
  ["the answer is swallowed", swallowAnswer],
  ["PostgreSQL is away", refuse(503, "unavailable")],
  ["a balancer has no gateway", refuse(404, "http_404")],
  ["a portal answers", answerAsPortal],
  ["another service answers", ({ response }) => void response.end("{}")],
])("a message goes out again under its key, and is accepted once, when %s", async (_what, fault) => {
  const gateway = await testGateway();
  const client = testClient(gateway, {}, { timing: { requestMs: 400 } });
  gateway.plan("POST /send", fault, fault);
  client.start();
  const { key } = client.send("Hello!");
  await untilShown(client, "it to be queued", () => statesOf(client)[0] === "queued");
  expect(shown(client)).toEqual(["1 user Hello! queued"]);
  expect(client.snapshot.messages[0]?.key).toBe(key);
  expect(keysSent(gateway)).toEqual([key, key, key]);
  expect(gateway.session.messages).toHaveLength(1);
});

test("an answer that is lost is not waited for when the stream has told of the message", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  client.start();
  client.send("first");
  await untilLive(client);
  await untilShown(client, "the first", () => statesOf(client)[0] === "queued");
  gateway.plan("POST /send", swallowAnswer);
  client.send("second");
  // The request's own deadline is 30 s.
  await untilShown(client, "the second", () => statesOf(client)[1] === "queued");
  expect(gateway.session.messages).toHaveLength(2);
});

test.each([true, false])("no message is doubled, whether the stream tells of it first: %s", async (tellsFirst) => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  client.start();
  client.send("1");
  await untilLive(client);
  const { session } = gateway;
  session.tellsFirst = tellsFirst;
  const snapshots = recordSnapshots(client);
  for (const content of ["2", "2", "3"]) client.send(content);
  await untilShown(client, "all of them", () => statesOf(client).filter((state) => state === "queued").length === 4);
  expect(shown(client).map((line) => line[0])).toEqual(["1", "2", "3", "4"]);
  expect(Math.max(...snapshots.map(({ messages }) => messages.length))).toBe(4);
});

test("what is written offline is kept and goes out in its order", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  gateway.setReachable(false);
  client.start();
  for (const content of ["1", "2", "3"]) client.send(content);
  await untilShown(client, "to be offline", ({ connection }) => connection === "offline");
  expect(client.snapshot.problem).toMatchObject({ code: "network", status: 0 });
  expect(shown(client)).toEqual(["- user 1 unsent", "- user 2 unsent", "- user 3 unsent"]);
  gateway.setReachable(true);
  await untilShown(client, "all of them", () => statesOf(client).every((state) => state === "queued"));
  await untilLive(client);
  expect(shown(client)).toEqual(["1 user 1 queued", "2 user 2 queued", "3 user 3 queued"]);
  expect(client.snapshot.problem).toBeNull();
});

test("what is unsent survives a reload, and keeps its key: it is accepted once", async () => {
  const gateway = await testGateway();
  const storage = new TestStorage();
  const client = testClient(gateway, { storage });
  gateway.plan("POST /send", swallowAnswer);
  client.start();
  const keys = [client.send("1").key, client.send("2").key];
  await waitFor("the first to be sent", () => gateway.named("POST /send").length === 1);
  client.stop();
  const again = testClient(gateway, { storage });
  expect(again.snapshot.messages).toEqual([]);
  again.start();
  expect(shown(again)).toEqual(["- user 1 unsent", "- user 2 unsent"]);
  await untilShown(again, "both", () => statesOf(again).every((state) => state === "queued"));
  expect(again.snapshot.messages.map(({ key, sequence }) => [key, sequence])).toEqual(
    keys.map((key, at) => [key, at + 1]),
  );
  expect([gateway.sessions.length, gateway.session.messages.length, keysSent(gateway)]).toEqual([
    1,
    2,
    [keys[0], ...keys],
  ]);
  again.stop();
  const afterwards = testClient(gateway, { storage });
  afterwards.start();
  await untilShown(afterwards, "the history", ({ messages }) => messages.length === 2);
  expect(statesOf(afterwards)).toEqual(["queued", "queued"]);
});

test("a message sent before the start goes out with it, and one sent after the stop waits", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  client.send("early");
  client.start();
  await untilShown(client, "it to be queued", () => statesOf(client)[0] === "queued");
  client.stop();
  client.send("late");
  expect(shown(client)).toEqual(["1 user early queued", "- user late unsent"]);
  client.start();
  await untilShown(client, "the other to be queued", () => statesOf(client)[1] === "queued");
});

test("Retry-After is waited for, whatever the page does; nothing is lost or reordered", async () => {
  const gateway = await testGateway();
  const page = new TestPage();
  const client = testClient(gateway, {}, { page });
  gateway.plan("POST /send", refuse(429, "rate_limited", { "retry-after": "1" }));
  client.start();
  client.send("1");
  client.send("2");
  await waitFor("the refusal", () => gateway.named("POST /send").length === 1);
  await untilLive(client);
  page.goOnline();
  await untilShown(client, "both", () => statesOf(client).every((state) => state === "queued"));
  const [refused, again] = gateway.named("POST /send");
  expect((again?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(950);
  expect(shown(client)).toEqual(["1 user 1 queued", "2 user 2 queued"]);
});

test("other waits are over when the network is back", async () => {
  const gateway = await testGateway();
  const page = new TestPage();
  const client = testClient(gateway, {}, { page, timing: NEVER });
  gateway.plan("POST /session", breakOff);
  client.start();
  client.send("1");
  await untilShown(client, "to be offline", ({ connection }) => connection === "offline");
  page.goOnline();
  await untilShown(client, "it to be queued", () => statesOf(client)[0] === "queued");
});

test("a wait is over when the stream tells that the message was accepted", async () => {
  const gateway = await testGateway();
  const { promise: failed, resolve: fail } = Promise.withResolvers<void>();
  const watchedFetch: typeof fetch = (...request) => {
    const answer = fetch(...request);
    answer.catch(fail);
    return answer;
  };
  const client = testClient(gateway, { fetch: watchedFetch }, { timing: NEVER });
  client.start();
  client.send("1");
  await untilLive(client);
  await untilShown(client, "it to be queued", () => statesOf(client)[0] === "queued");
  gateway.plan("POST /send", breakOff);
  const { key } = client.send("2");
  await failed;
  await new Promise(setImmediate);
  gateway.session.say("2", { key });
  await untilShown(client, "it to be queued", () => statesOf(client)[1] === "queued");
  expect([gateway.session.messages.length, keysSent(gateway).slice(1)]).toEqual([2, [key, key]]);
});

test("a message that fails does not make the next one wait longer", async () => {
  const gateway = await testGateway();
  // If it did, the last one would wait for half a minute.
  const client = testClient(gateway, {}, { timing: { retryMs: 60, retryMaxMs: 600_000 } });
  const succeed: Fault = ({ proceed }) => proceed();
  const contents = Array.from({ length: 10 }, (_, count) => `${count}`);
  for (const content of contents) {
    gateway.plan("POST /send", breakOff, succeed);
    client.send(content);
  }
  client.start();
  await untilShown(client, "all of them", () => statesOf(client).every((state) => state === "queued"));
  expect(gateway.session.messages.map(({ content }) => content)).toEqual(contents);
});

test("a refused message says why, holds nothing up, and can be sent again or discarded", async () => {
  const gateway = await testGateway();
  const storage = new TestStorage();
  const client = testClient(gateway, { storage });
  gateway.plan("POST /send", refuse(413, "payload_too_large"), refuse(403, "forbidden"));
  client.start();
  const [tooLarge, forbidden] = [client.send("1"), client.send("2"), client.send("3")];
  await untilShown(client, "the third", () => statesOf(client).includes("queued"));
  expect(shown(client)).toEqual(["1 user 3 queued", "- user 1 rejected", "- user 2 rejected"]);
  expect(client.snapshot.messages[1]?.error).toMatchObject({ code: "payload_too_large", status: 413 });
  client.retry(tooLarge.key);
  expect(client.snapshot.messages[1]).toMatchObject({ state: "unsent", error: null });
  client.discard(forbidden.key);
  await untilShown(client, "the first", () => statesOf(client)[1] === "queued");
  expect(shown(client)).toEqual(["1 user 3 queued", "2 user 1 queued"]);
  expect(keysSent(gateway).at(-1)).toBe(tooLarge.key);
  expect([...storage.items.keys()].filter((key) => key.includes("unsent"))).toEqual([]);
});

test("empty text is rejected by the gateway, not lost", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  client.start();
  client.send("  ");
  await untilShown(client, "its rejection", () => statesOf(client)[0] === "rejected");
  expect(client.snapshot.messages[0]?.error?.code).toBe("validation_failed");
});

test("a failed or unanswered message is sent anew, as a new message; others are left alone", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  client.start();
  const { key } = client.send("Hello!", { metadata: { a: 1 } });
  await untilLive(client);
  await untilShown(client, "it to be queued", () => statesOf(client)[0] === "queued");
  client.retry(key);
  client.retry("no such key");
  const { session } = gateway;
  session.setStatus("session-1-m1", "failed", 3);
  await untilShown(client, "its failure", () => statesOf(client)[0] === "failed");
  expect(client.snapshot.messages[0]?.attempts).toBe(3);
  client.retry(key);
  await untilShown(client, "the new one", () => statesOf(client)[1] === "queued");
  expect(shown(client)).toEqual(["1 user Hello! failed", "2 user Hello! queued"]);
  expect(session.messages[1]?.metadata).toEqual({ a: 1 });
});

test("a discarded message does not go out, and one that had gone is shown as what it is", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  client.start();
  client.send("0");
  await untilLive(client);
  await untilShown(client, "the first", () => statesOf(client)[0] === "queued");
  gateway.plan("POST /send", fallSilent);
  const [one, two] = [client.send("1"), client.send("2")];
  await waitFor("it to be sent", () => gateway.named("POST /send").length === 2);
  client.discard(two.key);
  client.discard(one.key);
  expect(shown(client)).toEqual(["1 user 0 queued"]);
  gateway.plan("POST /send", swallowAnswer);
  const three = client.send("3");
  await waitFor("it to be accepted", () => gateway.session.messages.length === 2);
  client.discard(three.key);
  await untilShown(client, "it to be shown", ({ messages }) => messages.length === 2);
  expect(shown(client)).toEqual(["1 user 0 queued", "2 user 3 queued"]);
});

test("a message can be discarded on its way, also when it is on its way again after a stop", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  gateway.plan("POST /send", fallSilent, fallSilent);
  client.start();
  const { key } = client.send("1");
  await waitFor("it to be sent", () => gateway.named("POST /send").length === 1);
  client.stop();
  client.start();
  await waitFor("it to be sent again", () => gateway.named("POST /send").length === 2);
  client.send("2");
  client.discard(key);
  await untilShown(client, "the other one", () => shown(client).join() === "1 user 2 queued");
  expect(gateway.session.messages).toHaveLength(1);
});

test("what the caller does to its metadata later is not in the message", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  const metadata = { list: [1] };
  client.send("Hello!", { metadata });
  metadata.list.push(2);
  client.start();
  await untilShown(client, "it to be queued", () => statesOf(client)[0] === "queued");
  expect(gateway.session.messages[0]?.metadata).toEqual({ list: [1] });
});

test.each([
  ["blocked", new BlockedStorage()],
  ["full", new FullStorage()],
])("a storage that is %s keeps nobody from chatting", async (_how, storage) => {
  const gateway = await testGateway();
  const client = testClient(gateway, { storage });
  client.start();
  client.send("1");
  client.send("2");
  await untilLive(client);
  await untilShown(client, "both", () => statesOf(client).every((state) => state === "queued"));
  client.stop();
  client.start();
  await untilLive(client);
  expect([gateway.sessions.length, shown(client).length]).toEqual([1, 2]);
  await client.reset();
  expect(client.snapshot).toMatchObject({ messages: [], session: null });
});
