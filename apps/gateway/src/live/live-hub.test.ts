import type { IncomingMessage } from "node:http";
import { openBus } from "@chat-relay/bus/bus";
import { LIVE_STREAM_NAME, STREAM_NAME } from "@chat-relay/core/events";
import { settleDelivery } from "@chat-relay/database/settle-delivery";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { testNatsUrl } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { openTestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { describe, expect, inject, test } from "vitest";
import { closeReadersAfterEach, FakeDispatcher, listening, type Visitor } from "../testing/live-gateway.ts";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
closeReadersAfterEach();

const UNLIMITED = { CHAT_RATE_LIMIT_DISABLED: "true" };
const start = async (env: Record<string, string> = {}, parts = {}) =>
  listening(await shared.stores.gateway({ ...UNLIMITED, ...env }, parts));

async function figure(gateway: Awaited<ReturnType<typeof start>>, name: string): Promise<number> {
  const { body } = await gateway.call("GET", "/metrics");
  return Number(new RegExp(`^${name}\\{[^}]*\\} (\\d+)$`, "m").exec(body)?.[1]);
}

async function ownDatabaseUrl(): Promise<string> {
  const { database } = shared.stores;
  const [row] = await database.query<{ name: string }>({ name: "", text: "SELECT current_database() AS name" }, []);
  const url = new URL(inject("infrastructure").databaseUrl);
  url.pathname = `/${row?.name}`;
  return url.href;
}

describe("limits", () => {
  test("of a session: one stream more is 429, and has its place once another is closed", async () => {
    const gateway = await start({ CHAT_STREAM_MAX_PER_SESSION: "2" });
    const visitor = await gateway.session();
    const [first, second] = [gateway.read(visitor), gateway.read(visitor)];
    await Promise.all([first.until("ready"), second.until("ready")]);
    const third = gateway.read(visitor);
    expect(await third.answered()).toBe(429);
    expect(Number(third.headers["retry-after"])).toBeGreaterThan(0);
    expect(await gateway.read(await gateway.session()).answered()).toBe(200);
    first.close();
    await waitFor("its place", async () => (await gateway.read(visitor).answered()) === 200);
  });

  test("of a gateway: one stream more is 503 with Retry-After", async () => {
    const gateway = await start({ CHAT_STREAM_MAX_CONNECTIONS: "2" });
    for (let count = 0; count < 2; count += 1) await gateway.read(await gateway.session()).until("ready");
    const third = gateway.read(await gateway.session());
    expect(await third.answered()).toBe(503);
    expect(Number(third.headers["retry-after"])).toBeGreaterThan(0);
    expect(await figure(gateway, "chat_live_streams")).toBe(2);
  });

  test("a refused reader takes no place", async () => {
    const gateway = await start({ CHAT_STREAM_MAX_PER_SESSION: "1" });
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    await reader.until("ready");
    for (let count = 0; count < 3; count += 1) expect(await gateway.read(visitor).answered()).toBe(429);
    reader.close();
    await waitFor("no stream", async () => (await figure(gateway, "chat_live_streams")) === 0);
  });
});

describe("a reader that does not read", () => {
  const LARGE = "x".repeat(4_000);

  async function fill(gateway: Awaited<ReturnType<typeof start>>, visitor: Visitor, count: number): Promise<void> {
    for (let sent = 0; sent < count; sent += 1) await gateway.send(visitor, `${sent} ${LARGE.slice(10)}`);
  }

  test(
    "is cut off once it has too much unread, and gets everything when it comes back",
    { timeout: 120_000 },
    async () => {
      const gateway = await start();
      const dispatcher = new FakeDispatcher(shared.stores, gateway);
      const visitor = await gateway.session();
      const [slow, other] = [gateway.read(visitor), gateway.read(visitor)];
      await Promise.all([slow.until("ready"), other.until("ready")]);
      slow.pause();
      // The sockets' own buffers take some megabytes before anything is left unread here.
      const reply = "y".repeat(200_000);
      for (let round = 0; (await figure(gateway, "chat_live_streams_cut_total")) === 0; round += 1) {
        expect(round).toBeLessThan(300);
        await dispatcher.answer(visitor.id, await gateway.send(visitor), [reply]);
      }
      slow.resume();
      await waitFor("the cut", () => slow.closed);
      await gateway.send(visitor, "last");
      await waitFor("the last", () => other.of("message").at(-1)?.data.content === "last");
      const back = gateway.read(visitor, { lastEventId: slow.lastEventId });
      await waitFor("the last", () => back.of("message").at(-1)?.data.content === "last");
      const seen = [...slow.of("message"), ...back.of("message")].map(({ data }) => data.sequence);
      expect(seen).toEqual(other.of("message").map(({ data }) => data.sequence));
    },
  );

  test("is not cut off while a long history is read to it, at its own pace", { timeout: 120_000 }, async () => {
    const gateway = await start({ CHAT_STREAM_BUFFER_MAX_BYTES: "65536" });
    const dispatcher = new FakeDispatcher(shared.stores, gateway);
    const visitor = await gateway.session();
    const first = gateway.read(visitor);
    await first.until("ready");
    first.close();
    const reply = "y".repeat(250_000);
    for (let count = 0; count < 60; count += 1)
      await dispatcher.answer(visitor.id, await gateway.send(visitor), [reply]);
    const back = gateway.read(visitor, { lastEventId: first.lastEventId });
    await back.until("ready");
    back.pause();
    await fill(gateway, visitor, 3); // happens while it is not read
    back.resume();
    await waitFor("all of it", () => back.of("message").length === 123, 60_000);
    expect(back.of("message").map(({ data }) => data.sequence)).toEqual(
      Array.from({ length: 123 }, (_, index) => index + 1),
    );
    expect([back.closed, await figure(gateway, "chat_live_streams_cut_total")]).toEqual([false, 0]);
  });
});

describe("a gateway that stops", () => {
  test("closes its streams without an end, and the reader goes on at another one", async () => {
    const [one, two] = [await start(), await start()];
    const visitor = await one.session();
    const reader = one.read(visitor);
    await reader.until("ready");
    await one.send(visitor, "before");
    await reader.until("message");
    await one.app.close();
    await waitFor("the close", () => reader.closed);
    expect(reader.of("end")).toEqual([]);
    await two.send(visitor, "meanwhile");
    const back = two.read(visitor, { lastEventId: reader.lastEventId });
    expect((await back.until("message")).map(({ data }) => data.content)).toEqual(["meanwhile"]);
  });
});

describe("while NATS is away", () => {
  test("streams open, are told by a look at PostgreSQL, and hear at once when it is back", async () => {
    await using proxy = await startFaultProxy(testNatsUrl());
    await using bus = openBus({ ...testConfig({ NATS_URL: proxy.url }), name: "test-live" });
    await bus.ready;
    const gateway = await start({ CHAT_QUEUE_INTERVAL_MS: "300" }, { bus });
    const visitor = await gateway.session();
    const before = gateway.read(visitor);
    await before.until("ready");
    await proxy.refuse();
    await waitFor("the bus to notice", () => !bus.connected);
    const meanwhile = gateway.read(visitor);
    await meanwhile.until("ready");
    await gateway.send(visitor, "first");
    await Promise.all([before.until("message"), meanwhile.until("message")]);
    await proxy.pass();
    await waitFor("the bus to come back", () => bus.connected);
    const dispatcher = new FakeDispatcher(shared.stores, gateway);
    const claim = await dispatcher.claim(visitor.id, before.of("message")[0]?.data.id);
    // A piece is heard only by who follows again: the truth it is not, so that no look finds it.
    let offset = 0;
    await waitFor("pieces", async () => {
      await dispatcher.show(claim, { block: 0, offset, content: "." });
      offset += 1;
      return before.of("delta").length > 0 && meanwhile.of("delta").length > 0;
    });
    for (const reader of [before, meanwhile])
      expect(reader.of("message").map(({ data }) => data.content)).toEqual(["first"]);
  });

  test("text that was said meanwhile is shown when it is back, though nothing more is said", async () => {
    await using proxy = await startFaultProxy(testNatsUrl());
    await using bus = openBus({ ...testConfig({ NATS_URL: proxy.url }), name: "test-live" });
    await bus.ready;
    const gateway = await start({}, { bus });
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    await reader.until("ready");
    // This one has not lost NATS.
    const dispatcher = new FakeDispatcher(shared.stores, await start());
    const claim = await dispatcher.claim(visitor.id, await gateway.send(visitor));
    await dispatcher.show(claim, { block: 0, offset: 0, content: "One" });
    await reader.until("delta");
    await proxy.refuse();
    await waitFor("the bus to notice", () => !bus.connected);
    await dispatcher.show(claim, { block: 0, offset: 3, content: ", two" });
    await proxy.pass();
    await waitFor("what was said", () => reader.of("delta").at(-1)?.data.content === "One, two");
  });

  test("and its store wiped, nothing is missed: ids are PostgreSQL's", async () => {
    const gateway = await start({ CHAT_QUEUE_INTERVAL_MS: "300" });
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    await reader.until("ready");
    await gateway.send(visitor, "before");
    await reader.until("message");
    reader.close();
    const { jsm } = shared.stores.bus.client();
    for (const name of [STREAM_NAME, LIVE_STREAM_NAME]) await jsm.streams.delete(name);
    await gateway.send(visitor, "after");
    await shared.stores.bus.heal();
    const back = gateway.read(visitor, { lastEventId: reader.lastEventId });
    expect((await back.until("message")).map(({ data }) => data.content)).toEqual(["after"]);
    expect(back.events[0]?.id).toBe(reader.lastEventId);
  });
});

test("PostgreSQL slow: nothing is written before the stream is open, and a gateway that stops meanwhile refuses it", async () => {
  await using proxy = await startFaultProxy(await ownDatabaseUrl());
  await using database = await openTestDatabase(proxy.url);
  const gateway = await start({ CHAT_STREAM_HEARTBEAT_MS: "1000" }, { database });
  const visitor = await gateway.session();
  proxy.slow(500); // each way, and it takes two round trips
  const readers = Array.from({ length: 10 }, () => gateway.read(visitor));
  await Promise.all(readers.map((reader) => reader.until("ready")));
  for (const { raw } of readers) expect(raw.startsWith("retry: 2000\n\nevent: ready\n")).toBe(true);
  const late = gateway.read(visitor);
  await waitFor("it to be under way", async () => (await figure(gateway, "chat_live_streams")) === 11);
  await gateway.app.close();
  expect(await late.answered()).toBe(503);
  // Its own line tells of a refused one, and how long it lasted of each of the others.
  const lines = (name: string) => gateway.log.filter(({ msg, route }) => msg === name && route !== "/api/chat/session");
  await waitFor("all of them to be logged", () => lines("stream.closed").length >= readers.length);
  expect(lines("request.completed").map(({ status }) => status)).toEqual([503]);
  expect(lines("stream.closed").map(({ sessionId }) => sessionId)).toEqual(readers.map(() => visitor.id));
});

test("how long a stream was open is no duration of a request", async () => {
  const gateway = await start();
  const visitor = await gateway.session();
  const reader = gateway.read(visitor);
  await reader.until("ready");
  await gateway.call("DELETE", "/api/chat/session", { headers: visitor.auth });
  await waitFor("the end", () => reader.closed);
  const { body } = await gateway.call("GET", "/metrics");
  expect(body).toContain('route="/api/chat/session"');
  expect(body).not.toContain('route="/api/chat/stream/:sessionId"');
});

test("an open stream keeps no headers of its request", async () => {
  const gateway = await start();
  const visitor = await gateway.session();
  const requests: IncomingMessage[] = [];
  gateway.app.server.on("request", (request: IncomingMessage) => requests.push(request));
  await gateway.read(visitor).until("ready");
  expect(requests.map(({ headers, rawHeaders }) => ({ headers, rawHeaders }))).toEqual([
    { headers: {}, rawHeaders: [] },
  ]);
});

test("a reader who leaves before its stream is open leaves nothing behind", async () => {
  await using proxy = await startFaultProxy(await ownDatabaseUrl());
  await using database = await openTestDatabase(proxy.url);
  const gateway = await start({ CHAT_STREAM_MAX_PER_SESSION: "2" }, { database });
  const visitor = await gateway.session();
  proxy.slow(300);
  let closed = 0;
  gateway.app.server.on("request", (_request, response) => response.once("close", () => (closed += 1)));
  for (const stayMs of [30, 100, 200, 300, 400, 700, 1_000, 1_300]) {
    const reader = gateway.read(visitor);
    setTimeout(() => reader.close(), stayMs);
  }
  await waitFor("all of them to be gone", () => closed >= 8);
  await proxy.pass();
  await gateway.read(visitor).until("ready");
  expect(await figure(gateway, "chat_live_streams")).toBe(1);
});

test("PostgreSQL away: open streams stay and catch up, new ones are 503", async () => {
  await using proxy = await startFaultProxy(await ownDatabaseUrl());
  await using database = await openTestDatabase(proxy.url);
  const [cut, whole] = [await start({ CHAT_QUEUE_INTERVAL_MS: "300" }, { database }), await start()];
  const visitor = await whole.session();
  const reader = cut.read(visitor);
  await reader.until("ready");
  await proxy.refuse();
  expect(await cut.read(visitor).answered()).toBe(503);
  const dispatcher = new FakeDispatcher(shared.stores, whole);
  const claim = await dispatcher.claim(visitor.id, await whole.send(visitor, "heard"));
  const attempt = { durationMs: 1, httpStatus: 200, error: null };
  await settleDelivery(shared.stores.database, claim, { kind: "delivered", attempt, replies: ["not announced"] });
  await whole.send(visitor, "heard of");
  expect(reader.closed).toBe(false);
  await proxy.pass();
  await reader.until("message", 3);
  expect(reader.of("message").map(({ data }) => data.content)).toEqual(["heard", "not announced", "heard of"]);
});
