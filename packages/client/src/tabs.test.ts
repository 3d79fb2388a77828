import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, onTestFinished, test, vi } from "vitest";
import type { ChatClient, ChatMessage } from "./index.ts";
import { fallSilent, refuse, swallowAnswer, type FakeGateway, type Fault } from "./testing/fake-gateway.ts";
import { shown, testClient, testGateway, untilLive, untilShown } from "./testing/test-client.ts";
import { TestPage } from "./testing/test-page.ts";
import { PageStorage } from "./testing/test-storage.ts";

const ACCEPTED: ChatMessage = {
  id: "of the old session",
  sessionId: "session-1",
  sequence: 2,
  role: "user",
  content: "new",
  messageType: "text",
  metadata: {},
  status: "queued",
  replyTo: null,
  createdAt: "2026-01-01T00:00:00.000Z",
};

interface Tabs {
  gateway: FakeGateway;
  storage: PageStorage;
  sessionItem: string;
  clients: [ChatClient, ChatClient];
  pages: [TestPage, TestPage];
}

/** Two tabs of one page, that are not started. Where the storage is the page's own they take turns. */
async function twoTabs({ takeTurns = false } = {}): Promise<Tabs> {
  const gateway = await testGateway();
  const storage = new PageStorage();
  if (takeTurns) vi.stubGlobal("localStorage", storage);
  onTestFinished(() => void vi.unstubAllGlobals());
  const pages: [TestPage, TestPage] = [new TestPage(), new TestPage()];
  const [one, other] = pages.map((page) => testClient(gateway, { storage }, { page })) as [ChatClient, ChatClient];
  return { gateway, storage, sessionItem: `chat-relay:${gateway.url}:.session`, clients: [one, other], pages };
}

function untilQueued(client: ChatClient, count: number): Promise<unknown> {
  return untilShown(
    client,
    `${count} messages to be queued`,
    ({ messages }) => messages.length === count && messages.every(({ state }) => state === "queued"),
  );
}

async function untilAllLive(clients: ChatClient[]): Promise<void> {
  for (const client of clients) await untilLive(client);
}

test("a session that one tab opens is the other one's too; each message is shown once in both", async () => {
  const { gateway, clients, pages, sessionItem } = await twoTabs();
  const [one, other] = clients;
  for (const client of clients) client.start();
  one.send("from one");
  await untilQueued(one, 1);
  pages[1].tellStored("somebody's own");
  expect(other.snapshot.connection).toBe("idle");
  pages[1].tellStored(sessionItem);
  await untilAllLive(clients);
  other.send("from the other");
  for (const client of clients) await untilQueued(client, 2);
  expect(shown(other)).toEqual(["1 user from one queued", "2 user from the other queued"]);
  expect(shown(one)).toEqual(shown(other));
  expect(gateway.sessions).toHaveLength(1);
});

test("a tab that did not hear of the session finds it when it sends", async () => {
  const { gateway, clients } = await twoTabs();
  const [one, other] = clients;
  for (const client of clients) client.start();
  one.send("from one");
  await untilQueued(one, 1);
  other.send("from the other");
  for (const client of clients) await untilQueued(client, 2);
  expect(gateway.sessions).toHaveLength(1);
});

test("the same text, sent by both at once, is two messages and not four", async () => {
  const { gateway, clients } = await twoTabs();
  const [one, other] = clients;
  one.start();
  one.send("0");
  await untilQueued(one, 1);
  other.start();
  await untilQueued(other, 1);
  await untilAllLive(clients);
  const keys = clients.map((client) => client.send("hi").key);
  for (const client of clients) await untilQueued(client, 3);
  expect(gateway.session.messages).toHaveLength(3);
  clients.forEach(({ snapshot }, at) => expect(snapshot.messages.map(({ key }) => key)).toContain(keys[at]));
});

test("what was unsent before goes out once, though both tabs know of it", async () => {
  const { gateway, storage, clients, pages, sessionItem } = await twoTabs({ takeTurns: true });
  const before = testClient(gateway, { storage });
  const keys = ["1", "2", "3"].map((content) => before.send(content).key);
  for (const client of clients) client.start();
  await untilQueued(clients[0], 3);
  pages[1].tellStored(sessionItem);
  await untilQueued(clients[1], 3);
  await untilAllLive(clients);
  expect(gateway.named("POST /send").map(({ body }) => body.clientMessageId)).toEqual(keys);
  expect(gateway.sessions).toHaveLength(1);
});

test("where tabs cannot take turns, the gateway sorts it out", async () => {
  const { gateway, storage, clients } = await twoTabs();
  const before = testClient(gateway, { storage });
  before.start();
  before.send("0");
  await untilQueued(before, 1);
  before.stop();
  for (const content of ["1", "2", "3"]) before.send(content);
  for (const client of clients) client.start();
  for (const client of clients) await untilQueued(client, 4);
  expect(gateway.session.messages.map(({ content }) => content)).toEqual(["0", "1", "2", "3"]);
});

test("what a closed tab left unsent goes out when another one is looked at", async () => {
  const { gateway, clients, pages } = await twoTabs();
  const [one, other] = clients;
  other.start();
  gateway.plan("POST /session", swallowAnswer);
  one.start();
  one.send("left");
  await waitFor("the try", () => gateway.named("POST /session").length === 1);
  one.stop();
  expect(shown(other)).toEqual([]);
  pages[1].show();
  expect(shown(other)).toEqual(["- user left unsent"]);
  await untilQueued(other, 1);
});

test.each(["its own item", "all items"])(
  "a logout in one tab empties the other, of what it had not sent too: the storage tells of %s",
  async (which) => {
    const { gateway, storage, clients, pages, sessionItem } = await twoTabs();
    const [one, other] = clients;
    one.start();
    one.send("old");
    await untilQueued(one, 1);
    other.start();
    await untilQueued(other, 1);
    await untilAllLive(clients);
    gateway.plan("POST /send", swallowAnswer);
    gateway.setReachable(false);
    other.send("secret");
    await one.reset();
    pages[1].tellStored(which === "all items" ? null : sessionItem);
    expect(other.snapshot).toMatchObject({ connection: "idle", session: null, messages: [] });
    gateway.setReachable(true);
    other.send("new");
    await untilQueued(other, 1);
    expect([shown(other), gateway.sessions.length]).toEqual([["1 user new queued"], 2]);
    expect(gateway.session.messages).toHaveLength(1);
    expect(storage.getItem(sessionItem)).toContain("session-2");
  },
);

/** Both tabs live in a session in which one has said "old". */
async function chatInBoth({ clients }: Tabs): Promise<void> {
  const [one, other] = clients;
  one.start();
  one.send("old");
  await untilQueued(one, 1);
  other.start();
  await untilQueued(other, 1);
  await untilAllLive(clients);
}

test("a tab that was stopped during a logout does not show the conversation again, nor send what it had not", async () => {
  const tabs = await twoTabs();
  const [one, other] = tabs.clients;
  await chatInBoth(tabs);
  other.stop();
  other.send("secret");
  await one.reset();
  other.start();
  expect(other.snapshot).toMatchObject({ connection: "idle", session: null, messages: [] });
  one.start();
  one.send("new");
  await untilQueued(one, 1);
  other.stop();
  other.start();
  await untilQueued(other, 1);
  expect([shown(other), tabs.gateway.sessions.length]).toEqual([["1 user new queued"], 2]);
});

test("what a stopped tab had not sent does not go to the session of whoever came after a logout", async () => {
  const tabs = await twoTabs();
  const [one, other] = tabs.clients;
  await chatInBoth(tabs);
  other.stop();
  other.send("secret");
  await one.reset();
  one.start();
  one.send("new");
  await untilQueued(one, 1);
  other.start();
  await untilQueued(other, 1);
  await untilLive(other);
  expect([shown(other), tabs.gateway.session.messages.length]).toEqual([["1 user new queued"], 1]);
});

test("a conversation that has ended is left to read in both tabs, until a logout in one of them", async () => {
  const tabs = await twoTabs();
  const { gateway, clients, pages, sessionItem } = tabs;
  const [one, other] = clients;
  await chatInBoth(tabs);
  gateway.plan("POST /send", refuse(410, "session_expired"), fallSilent);
  gateway.planAlways("POST /session", fallSilent);
  one.send("new"); // one hears of the end, and the other hears of it from one
  await untilShown(one, "the end", ({ session }) => session?.status === "ended");
  pages[1].tellStored(sessionItem);
  expect(other.snapshot).toMatchObject({ connection: "ended", messages: [{ content: "old" }] });
  other.send("secret");
  await one.reset();
  pages[1].tellStored(sessionItem);
  expect(other.snapshot).toMatchObject({ connection: "idle", session: null, messages: [] });
});

test("a tab goes on in the session that another one has opened in place of theirs, and shows no more of the old one", async () => {
  const tabs = await twoTabs();
  const { gateway, storage, clients, pages, sessionItem } = tabs;
  const [, other] = clients;
  await chatInBoth(tabs);
  const [old, next] = [gateway.session, gateway.open()];
  next.say("new");
  storage.setItem(sessionItem, JSON.stringify({ sessionId: next.info.sessionId, sessionToken: next.token }));
  pages[1].tellStored(sessionItem);
  expect(shown(other)).toEqual([]);
  await untilQueued(other, 1);
  expect([shown(other), other.snapshot.session?.sessionId]).toEqual([["1 user new queued"], "session-2"]);
  await waitFor("its old stream to be closed", () => old.streams.size === 1);
  await untilLive(other);
  pages[1].tellStored(sessionItem); // once more changes nothing
  expect([other.snapshot.connection, shown(other)]).toEqual(["live", ["1 user new queued"]]);
});

test.each([true, false])(
  "a session that expires under two tabs is followed by one new one; they take turns: %s",
  async (takeTurns) => {
    const { gateway, storage, clients, sessionItem } = await twoTabs({ takeTurns });
    const [one, other] = clients;
    one.start();
    one.send("old");
    await untilQueued(one, 1);
    other.start();
    await untilQueued(other, 1);
    await untilAllLive(clients);
    gateway.session.end();
    for (const client of clients) await untilShown(client, "the end", ({ connection }) => connection === "ended");
    for (const client of clients) client.send("new");
    for (const client of clients) await untilQueued(client, 2);
    const [one2, other2] = clients.map(({ snapshot }) => snapshot.session?.sessionId);
    expect(one2).toBe(other2);
    expect(storage.getItem(sessionItem)).toContain(`"${one2}"`);
    expect(gateway.sessions.length).toBeLessThanOrEqual(takeTurns ? 2 : 3);
  },
);

test("what was unsent at a logout does not go to the next visitor's session, which is there already", async () => {
  const { gateway, clients } = await twoTabs();
  const [one, other] = clients;
  one.start();
  one.send("old");
  await untilQueued(one, 1);
  other.start();
  await untilQueued(other, 1);
  await untilAllLive(clients);
  gateway.plan("POST /send", fallSilent);
  other.send("secret");
  await waitFor("it to be sent", () => gateway.named("POST /send").length === 2);
  const { promise: late, resolve: answer } = Promise.withResolvers<void>();
  gateway.plan("DELETE /session", async ({ proceed }) => {
    await late;
    proceed();
  });
  const resetting = one.reset();
  one.start();
  one.send("new");
  await untilQueued(one, 1);
  answer();
  await resetting;
  await untilQueued(other, 1);
  await untilAllLive(clients);
  expect([shown(other), gateway.sessions.map(({ messages }) => messages.length)]).toEqual([
    ["1 user new queued"],
    [1, 1],
  ]);
});

/** As the old session answers what was sent before it ended. */
const lateAnswers: [string, Fault][] = [
  ["a refusal", refuse(410, "session_expired")],
  ["an acceptance", ({ response }) => void response.end(JSON.stringify(ACCEPTED))],
];

test.each(lateAnswers)(
  "a tab that loses a session goes on in the one that another has opened: %s comes late",
  async (_what, fault) => {
    const { gateway, storage, clients, sessionItem } = await twoTabs();
    const [one] = clients;
    one.start();
    one.send("old");
    await untilQueued(one, 1);
    await untilLive(one);
    const { promise: late, resolve: answer } = Promise.withResolvers<void>();
    gateway.plan("POST /send", async (exchange) => {
      await late;
      await fault(exchange);
    });
    one.send("new");
    await waitFor("it to be sent", () => gateway.named("POST /send").length === 2);
    const [old, next] = [gateway.session, gateway.open()];
    const { token: sessionToken, info } = next;
    storage.setItem(sessionItem, JSON.stringify({ sessionId: info.sessionId, sessionToken }));
    old.end();
    await untilShown(one, "the other session", ({ session }) => session?.sessionId === info.sessionId);
    answer();
    await untilQueued(one, 1);
    expect([shown(one), next.messages.length, gateway.sessions.length]).toEqual([["1 user new queued"], 1, 2]);
    expect(gateway.named("GET /stream")).toHaveLength(2);
  },
);

/** Another tab that has its turn, until the returned function is called. */
function keepTurn(gateway: FakeGateway): () => void {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  onTestFinished(() => end());
  void navigator.locks.request(`chat-relay:${gateway.url}:`, () => over);
  return end;
}

test("a tab that keeps its turn for too long is not waited for", async () => {
  const { gateway, storage } = await twoTabs({ takeTurns: true });
  keepTurn(gateway);
  const client = testClient(gateway, { storage }, { timing: { requestMs: 200 } });
  client.start();
  client.send("Hello!");
  await untilQueued(client, 1);
});

test("a tab that is stopped while it waits for its turn does nothing more", async () => {
  const { gateway, storage } = await twoTabs({ takeTurns: true });
  const end = keepTurn(gateway);
  let asked = 0;
  const client = testClient(gateway, { storage, getUserToken: () => String((asked += 1)) });
  client.start();
  client.send("Hello!");
  client.stop();
  end();
  // Its own turn is over when it is another one's again.
  await navigator.locks.request(`chat-relay:${gateway.url}:`, () => undefined);
  await new Promise(setImmediate);
  expect([asked, client.snapshot.connection, gateway.requests.length]).toEqual([0, "idle", 0]);
});
