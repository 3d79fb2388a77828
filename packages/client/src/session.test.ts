import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { fallSilent, loseAnswer, refuse, swallowAnswer, type FakeGateway } from "./testing/fake-gateway.ts";
import { NEVER, shown, testClient, testGateway, untilLive, untilShown } from "./testing/test-client.ts";
import { TestPage } from "./testing/test-page.ts";
import { TestStorage } from "./testing/test-storage.ts";

function openings(gateway: FakeGateway): unknown[] {
  return gateway.named("POST /session").map(({ body }) => body);
}

function untilQueued(client: ReturnType<typeof testClient>, content: string): Promise<unknown> {
  return untilShown(client, `"${content}" to be queued`, ({ messages }) =>
    messages.some((message) => message.content === content && message.state === "queued"),
  );
}

test("nothing is opened before something is sent", async () => {
  const gateway = await testGateway();
  const [silent, speaking] = [testClient(gateway), testClient(gateway)];
  silent.start();
  speaking.start();
  expect(silent.snapshot).toMatchObject({ connection: "idle", session: null, messages: [], problem: null });
  speaking.send("Hello!");
  await untilQueued(speaking, "Hello!");
  expect([gateway.named("POST /session").length, silent.snapshot.connection]).toEqual([1, "idle"]);
});

test("a reload resumes the session, with its history and without a new one", async () => {
  const gateway = await testGateway();
  const storage = new TestStorage();
  const client = testClient(gateway, { storage, metadata: { source: "website" } });
  client.start();
  client.send("Hello!");
  await untilLive(client);
  gateway.session.reply("session-1-m1", "Hi.");
  await untilShown(client, "the answer", ({ messages }) => messages.length === 2);
  client.stop();
  expect(client.snapshot).toMatchObject({ connection: "idle", session: { sessionId: "session-1" } });
  const again = testClient(gateway, { storage });
  again.start();
  await untilLive(again);
  await untilShown(again, "the history", ({ messages }) => messages.length === 2);
  expect(shown(again)).toEqual(["1 user Hello! answered", "2 assistant Hi. received"]);
  expect(again.snapshot.session).toMatchObject({
    sessionId: "session-1",
    metadata: { source: "website" },
    status: "active",
  });
  expect(gateway.sessions).toHaveLength(1);
});

test("what was written in one page load is not mixed up with another visitor's", async () => {
  const gateway = await testGateway();
  const storage = new TestStorage();
  const [ann, bob] = ["ann", "bob"].map((userId) => testClient(gateway, { storage, userId }));
  for (const client of [ann, bob]) client?.start();
  ann?.send("I am Ann");
  bob?.send("I am Bob");
  if (ann !== undefined) await untilQueued(ann, "I am Ann");
  if (bob !== undefined) await untilQueued(bob, "I am Bob");
  expect(openings(gateway)).toEqual(expect.arrayContaining([{ userId: "ann" }, { userId: "bob" }]));
  expect([gateway.sessions.length, ann?.snapshot.messages.length]).toEqual([2, 1]);
});

test("each opening gets a fresh proof of identity; without one the visitor is a guest", async () => {
  const gateway = await testGateway();
  const proofs: (string | null)[] = ["proof-1", "proof-2", null];
  const client = testClient(gateway, { userId: "ann", getUserToken: async () => proofs.shift() ?? null });
  gateway.plan("POST /session", refuse(401, "unauthorized"));
  client.start();
  client.send("1");
  await untilQueued(client, "1");
  expect(openings(gateway)).toEqual([{ userToken: "proof-1" }, { userToken: "proof-2" }]);
  gateway.session.end();
  await untilShown(client, "the end", ({ connection }) => connection === "ended");
  client.send("2");
  await untilQueued(client, "2");
  expect(openings(gateway).at(-1)).toEqual({ userId: "ann" });
});

test.each<[string, () => Promise<string>]>([
  ["fails", async () => Promise.reject(new Error("logged out"))],
  ["never answers", () => new Promise(() => {})],
])("a message waits while getUserToken %s", async (_how, failing) => {
  const gateway = await testGateway();
  let getUserToken = failing;
  const client = testClient(gateway, { getUserToken: () => getUserToken() }, { timing: { requestMs: 200 } });
  client.start();
  client.send("Hello!");
  await untilShown(client, "the problem", ({ problem }) => problem?.code === "identity");
  expect([client.snapshot.connection, gateway.requests.length]).toEqual(["offline", 0]);
  getUserToken = async () => "proof";
  await untilQueued(client, "Hello!");
  await untilLive(client);
  expect([client.snapshot.session?.authenticated, client.snapshot.problem]).toEqual([true, null]);
});

test.each([
  ["expired", 410, "session_expired"],
  ["unknown", 401, "unauthorized"],
])("when the session is %s, what is unsent goes to a new one", async (_how, status, code) => {
  const gateway = await testGateway();
  const client = testClient(gateway, {}, { timing: NEVER });
  client.start();
  client.send("old");
  await untilLive(client);
  await untilQueued(client, "old");
  gateway.plan("POST /send", refuse(status, code));
  const { key } = client.send("new");
  await untilShown(client, "the new session", ({ session }) => session?.sessionId === "session-2");
  await untilQueued(client, "new");
  await untilLive(client);
  expect([shown(client), client.snapshot.messages[0]?.key]).toEqual([["1 user new queued"], key]);
  expect(gateway.sessions.map(({ messages }) => messages.length)).toEqual([1, 1]);
});

test("a gateway that does not know the sessions it opened is not hammered", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway, {}, { timing: { retryMs: 400, retryMaxMs: 400 } });
  const mend = gateway.planAlways("POST /send", refuse(401, "unauthorized"));
  client.start();
  client.send("Hello!");
  await waitFor("a third session", () => gateway.named("POST /session").length === 3);
  mend();
  await untilQueued(client, "Hello!");
  const [, second, third] = gateway.named("POST /session").map(({ at }) => at);
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(200);
});

test("a session that ends is shown as ended, with what was said; the next message opens another", async () => {
  const gateway = await testGateway();
  const storage = new TestStorage();
  const client = testClient(gateway, { storage });
  client.start();
  client.send("old");
  await untilLive(client);
  await untilQueued(client, "old");
  gateway.session.end();
  await untilShown(client, "the end", ({ connection }) => connection === "ended");
  expect([client.snapshot.session?.status, shown(client)]).toEqual(["ended", ["1 user old queued"]]);
  expect(gateway.named("GET /stream")).toHaveLength(1);
  await client.loadOlder();
  expect(gateway.sessions).toHaveLength(1);
  client.send("new");
  await untilQueued(client, "new");
  await untilLive(client);
  expect([client.snapshot.session?.sessionId, shown(client)]).toEqual(["session-2", ["1 user new queued"]]);
});

test.each(["GET /stream", "GET /session"])("a session that is gone at a reload is forgotten, by %s", async (name) => {
  const gateway = await testGateway();
  const storage = new TestStorage();
  const client = testClient(gateway, { storage });
  client.start();
  client.send("old");
  await untilQueued(client, "old");
  client.stop();
  const other = name === "GET /stream" ? "GET /session" : "GET /stream";
  gateway.planAlways(other, fallSilent);
  gateway.session.info.status = "expired";
  const again = testClient(gateway, { storage });
  again.start();
  await untilShown(again, "to be without a session", ({ connection }) => connection === "idle");
  expect(storage.items.get(`chat-relay:${gateway.url}:.session`)).toBe("null");
});

test("a proxy's 401 costs nobody the session", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  client.start();
  client.send("1");
  await untilLive(client);
  await untilQueued(client, "1");
  const mend = ["POST /send", "GET /stream"].map((name) =>
    gateway.planAlways(name, ({ response }) => void response.writeHead(401).end("<html>Who are you?</html>")),
  );
  client.send("2");
  gateway.session.cutStreams();
  await untilShown(client, "to be offline", ({ connection }) => connection === "offline");
  expect(client.snapshot.problem?.code).toBe("http_401");
  for (const undo of mend) undo();
  await untilQueued(client, "2");
  await untilLive(client);
  expect([gateway.sessions.length, shown(client).length]).toEqual([1, 2]);
});

test("reset forgets everything and ends the session; the next start begins anew", async () => {
  const gateway = await testGateway();
  const storage = new TestStorage();
  const client = testClient(gateway, { storage });
  client.start();
  client.send("old");
  await untilLive(client);
  await untilQueued(client, "old");
  gateway.plan("POST /send", swallowAnswer);
  client.send("secret");
  await waitFor("it to be sent", () => gateway.named("POST /send").length === 2);
  const { session } = gateway;
  await client.reset();
  expect(client.snapshot).toEqual({
    connection: "idle",
    session: null,
    messages: [],
    streaming: [],
    hasOlder: false,
    loadingOlder: false,
    problem: null,
  });
  expect([session.info.status, gateway.named("DELETE /session").length]).toEqual(["ended", 1]);
  expect([...storage.items.entries()].filter(([, value]) => value !== "[]")).toEqual([]);
  await waitFor("its stream to be closed", () => gateway.openStreams === 0);
  client.start();
  expect(shown(client)).toEqual([]);
  client.send("new");
  await untilQueued(client, "new");
  expect([gateway.sessions.length, shown(client)]).toEqual([2, ["1 user new queued"]]);
});

test("reset does not wait for a gateway that is away, and forgets all the same", async () => {
  const gateway = await testGateway();
  const storage = new TestStorage();
  const client = testClient(gateway, { storage }, { timing: { farewellMs: 100 } });
  client.start();
  client.send("old");
  await untilQueued(client, "old");
  gateway.plan("DELETE /session", fallSilent);
  await client.reset();
  const again = testClient(gateway, { storage });
  again.start();
  expect(again.snapshot).toMatchObject({ connection: "idle", messages: [] });
  // One that was never started knows what is stored, and resets that.
  again.send("new");
  await untilQueued(again, "new");
  again.stop();
  await testClient(gateway, { storage }).reset();
  expect(gateway.session.info.status).toBe("ended");
});

test("a reset while a session is being opened leaves none behind", async () => {
  const gateway = await testGateway();
  const storage = new TestStorage();
  const client = testClient(gateway, { storage });
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  gateway.plan("POST /session", async ({ proceed }) => {
    await answered;
    proceed();
  });
  client.start();
  client.send("secret");
  await waitFor("the opening", () => gateway.named("POST /session").length === 1);
  const resetting = client.reset();
  answer();
  await resetting;
  await waitFor("its answer", () => gateway.sessions.length === 1);
  client.start();
  client.send("new");
  await untilQueued(client, "new");
  expect(gateway.sessions.map(({ messages }) => messages.map(({ content }) => content))).toEqual([[], ["new"]]);
});

test("a reset at whatever moment of an opening leaves no session behind", async () => {
  const gateway = await testGateway();
  for (let moment = 0; moment < 20; moment += 1) {
    const storage = new TestStorage();
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const client = testClient(gateway, {
      storage,
      fetch: async (...request) => {
        const response = await fetch(...request);
        const data: unknown = await response.clone().json();
        const reset = (left: number): void =>
          left > 0 ? queueMicrotask(() => reset(left - 1)) : void client.reset().then(end);
        response.json = async () => {
          reset(moment);
          return data;
        };
        return response;
      },
    });
    client.start();
    client.send("secret");
    await over;
    expect([...storage.items.values()].filter((value) => value !== "[]")).toEqual([]);
    expect(client.snapshot.session).toBeNull();
  }
});

test("an opening whose answer is lost is repeated", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway);
  gateway.plan("POST /session", loseAnswer);
  client.start();
  client.send("Hello!");
  await untilQueued(client, "Hello!");
  expect([gateway.sessions.length, client.snapshot.session?.sessionId]).toEqual([2, "session-2"]);
});

test("a stop in the middle of everything leaves a client that can be started again", async () => {
  const gateway = await testGateway();
  const client = testClient(gateway, {}, { page: new TestPage() });
  client.start();
  client.start();
  client.send("1");
  await untilLive(client);
  for (let round = 0; round < 5; round += 1) {
    client.stop();
    client.start();
    client.send(`${round + 2}`);
  }
  await untilQueued(client, "6");
  await untilLive(client);
  await waitFor("one stream", () => gateway.openStreams === 1);
  expect([shown(client).length, gateway.sessions.length]).toEqual([6, 1]);
  client.stop();
  client.stop();
  await waitFor("no stream", () => gateway.openStreams === 0);
});
