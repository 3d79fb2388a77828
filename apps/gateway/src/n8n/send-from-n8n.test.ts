import { once } from "node:events";
import { expireReplies } from "@chat-relay/database/sweep-deliveries";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { openTestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { expire } from "../testing/conversation.ts";
import { FakeDispatcher, listening, type LiveGateway } from "../testing/live-gateway.ts";
import { N8nPage } from "../testing/n8n-page.ts";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
const start = async (env: Record<string, string> = {}, parts = {}) =>
  listening(await shared.stores.gateway({ CHAT_N8N_COMPAT: "true", CHAT_RATE_LIMIT_DISABLED: "true", ...env }, parts));

let gateway: LiveGateway;
let dispatcher: FakeDispatcher;
beforeAll(async () => {
  gateway = await start();
  dispatcher = new FakeDispatcher(shared.stores, gateway);
});

const failedAttempt = { durationMs: 1, httpStatus: 500, error: "n8n said no" };
const attempt = { durationMs: 1, httpStatus: 200, error: null };
const BROKEN_OFF = "\n\n*(This answer broke off.)*";

async function openReaders(own: LiveGateway): Promise<number> {
  const { body } = await own.call("GET", "/metrics");
  return Number(/^chat_live_streams\{[^}]*\} (\d+)$/m.exec(body)?.[1]);
}

async function ownDatabaseUrl(): Promise<string> {
  const url = new URL(inject("infrastructure").databaseUrl);
  const text = "SELECT current_database() AS name";
  const [row] = await shared.stores.database.query<{ name: string }>({ name: "", text }, []);
  url.pathname = `/${row?.name}`;
  return url.href;
}

async function untilWaiting(own: LiveGateway, count: number): Promise<void> {
  await waitFor(`${count} to wait`, async () => (await openReaders(own)) === count);
}

describe("the same text again", () => {
  test("while its answer is pending waits for that answer, at another gateway too", async () => {
    const [left, right] = [await start(), await start()];
    const page = new N8nPage(left);
    const other = new N8nPage(right, page.sessionId);
    const asked = page.ask("Hello");
    const messageId = await page.accepted("Hello");
    const again = [page.ask("Hello", { metadata: { retried: true } }), other.ask("Hello"), other.askStreaming("Hello")];
    const [, , streaming] = again;
    for (const one of [asked, ...again]) await one.answered(); // they wait
    const claim = await dispatcher.claim(page.sessionId, messageId);
    await dispatcher.show(claim, { block: 0, offset: 0, content: "Hi" });
    await streaming?.untilShown("Hi");
    const late = page.askStreaming("Hello");
    await late.untilShown("Hi"); // the text so far
    await dispatcher.settle(claim, { kind: "delivered", attempt, replies: ["Hi there"] });
    for (const one of [asked, ...again.slice(0, 2)]) expect(await one.json()).toEqual({ output: "Hi there" });
    for (const one of [streaming, late]) await one?.untilShown("Hi there");
    expect((await page.stored()).map(({ content }) => content)).toEqual(["Hello", "Hi there"]);
  });

  test("by many at once, at two gateways, is sent once", async () => {
    const [left, right] = [await start(), await start()];
    const page = new N8nPage(left);
    const other = new N8nPage(right, page.sessionId);
    const asked = Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? page : other).ask("Hello"));
    const messageId = await page.accepted("Hello");
    for (const one of asked) await one.answered(); // they wait
    await dispatcher.answer(page.sessionId, messageId, ["Hi"]);
    for (const one of asked) expect(await one.json()).toEqual({ output: "Hi" });
    expect((await page.stored()).map(({ content }) => content)).toEqual(["Hello", "Hi"]);
  });

  test("at once, with metadata that differs, is the same text", async () => {
    const own = await start();
    const page = new N8nPage(own);
    const asked = [1, 2, 3].map((time) => page.ask("Hello", { metadata: { time } }));
    const messageId = await page.accepted("Hello");
    for (const one of asked) await one.answered(); // they wait
    await dispatcher.answer(page.sessionId, messageId, ["Hi"]);
    for (const one of asked) expect(await one.json()).toEqual({ output: "Hi" });
  });

  test("once it was answered, or failed, is another message", async () => {
    const page = new N8nPage(gateway);
    const first = page.ask("Hello");
    await dispatcher.answer(page.sessionId, await page.accepted("Hello"), ["Hi"]);
    await first.json();
    const second = page.ask("Hello");
    const claim = await dispatcher.claim(page.sessionId, await page.accepted("Hello", 2));
    await dispatcher.settle(claim, { kind: "failed", attempt: failedAttempt });
    await second.json();
    const third = page.ask("Hello");
    await dispatcher.answer(page.sessionId, await page.accepted("Hello", 3), ["Hi again"]);
    expect(await third.json()).toEqual({ output: "Hi again" });
  });

  test("and another text, while an answer is pending, is a message of its own", async () => {
    const page = new N8nPage(gateway);
    const [first, second] = [page.ask("one"), page.ask("two")];
    for (const text of ["one", "two"]) await page.accepted(text);
    const ids = new Map((await page.stored()).map(({ content, id }) => [content, id]));
    for (const { content } of await page.stored())
      await dispatcher.answer(page.sessionId, ids.get(content) ?? "", [`Re: ${content}`]);
    expect([await first.json(), await second.json()]).toEqual([{ output: "Re: one" }, { output: "Re: two" }]);
  });
});

describe("text that is withdrawn", () => {
  test("is marked, and the next attempt's comes after it", async () => {
    const page = new N8nPage(gateway);
    const asked = page.askStreaming("Tell me");
    const messageId = await page.accepted("Tell me");
    const first = await dispatcher.claim(page.sessionId, messageId);
    await dispatcher.show(first, { block: 0, offset: 0, content: "Once upon" });
    await asked.untilShown("Once upon");
    await dispatcher.settle(first, { kind: "retry", attempt: failedAttempt, delayMs: 0 });
    const second = await dispatcher.claim(page.sessionId, messageId);
    await dispatcher.show(second, { block: 0, offset: 0, content: "In the " });
    await asked.untilShown(`Once upon${BROKEN_OFF}`, "In the ");
    await dispatcher.settle(second, { kind: "delivered", attempt, replies: ["In the beginning"] });
    await asked.untilShown(`Once upon${BROKEN_OFF}`, "In the beginning");
    await waitFor("the end", () => asked.closed);
  });

  test("and is said again goes on where it was", async () => {
    const page = new N8nPage(gateway);
    const asked = page.askStreaming("Tell me");
    const messageId = await page.accepted("Tell me");
    const first = await dispatcher.claim(page.sessionId, messageId);
    await dispatcher.show(first, { block: 0, offset: 0, content: "Once upon" });
    await asked.untilShown("Once upon");
    await dispatcher.settle(first, { kind: "retry", attempt: failedAttempt, delayMs: 0 });
    await dispatcher.answer(page.sessionId, messageId, ["Once upon a time"]);
    await asked.untilShown("Once upon a time");
    expect(asked.lines.filter(({ type }) => type === "begin")).toHaveLength(1);
  });
});

describe("without an answer the widget is told so", () => {
  const FAILED = "Your message could not be answered. Please try again later.";

  test("when the message failed", async () => {
    const page = new N8nPage(gateway);
    const [asked, streaming] = [page.ask("Hello"), page.askStreaming("Hello")];
    const claim = await dispatcher.claim(page.sessionId, await page.accepted("Hello"));
    await dispatcher.show(claim, { block: 0, offset: 0, content: "Hi" });
    await streaming.untilShown("Hi");
    await dispatcher.settle(claim, { kind: "failed", attempt: failedAttempt });
    expect(await asked.json()).toEqual({ message: FAILED });
    expect((await asked.answered()).status).toBe(200); // it was accepted, and can be replayed
    await streaming.untilShown(`Hi${BROKEN_OFF}`, `Error: ${FAILED}`);
  });

  test("when n8n took it and no reply came in time", async () => {
    const quick = await start({ CHAT_QUEUE_INTERVAL_MS: "200" });
    const page = new N8nPage(quick);
    const asked = page.ask("Hello");
    await dispatcher.answer(page.sessionId, await page.accepted("Hello"), []);
    await waitFor("the reply's time to pass", () => expireReplies(shared.stores.database, 0, 10));
    expect((await asked.json()).message).toMatch(/^There is no answer to your message yet\./);
  });

  test("when it takes longer than anybody waits; the answer is there later", async () => {
    const hasty = await start({ CHAT_N8N_COMPAT_WAIT_MS: "1000" });
    const page = new N8nPage(hasty);
    const asked = page.ask("Hello");
    expect((await asked.json()).message).toMatch(/takes longer than usual\. It is kept/);
    await dispatcher.answer(page.sessionId, await page.accepted("Hello"), ["Hi"]);
    expect(await page.previous()).toEqual(["human: Hello", "bot: Hi"]);
  });

  test("when the gateway stops", async () => {
    const stopping = await start();
    const page = new N8nPage(stopping);
    const [asked, streaming] = [page.ask("Hello"), page.askStreaming("Hello")];
    await page.accepted("Hello");
    await untilWaiting(stopping, 2);
    await stopping.app.close();
    expect((await asked.json()).message).toMatch(/was interrupted before your message was answered/);
    expect(streaming.shown[0]).toMatch(/^Error: The connection to the chat was interrupted/);
  });
});

test("a callback's reply that came while the session expired is the answer", async () => {
  const page = new N8nPage(gateway);
  const asked = page.ask("Hello");
  const messageId = await page.accepted("Hello");
  await expire(shared.stores.database, page.sessionId);
  await dispatcher.answer(page.sessionId, messageId, ["Late"]);
  expect(await asked.json()).toEqual({ output: "Late" });
});

test("a wait that is quiet is kept alive, in JSON by white space, in lines by a line", async () => {
  const beating = await start({ CHAT_STREAM_HEARTBEAT_MS: "1000" });
  const page = new N8nPage(beating);
  const [asked, streaming] = [page.ask("Hello"), page.askStreaming("Hello")];
  const messageId = await page.accepted("Hello");
  await waitFor("the beats", () => asked.text.length >= 2 && streaming.lines.length >= 2);
  await dispatcher.answer(page.sessionId, messageId, ["Hi"]);
  expect(await asked.json()).toEqual({ output: "Hi" });
  expect(asked.text).toMatch(/^ {2,}\{"output":"Hi"\}$/);
  await streaming.untilShown("Hi");
  expect(streaming.lines[0]).toEqual({ type: "keepalive" });
});

describe("what nobody announced", () => {
  test("is found by the next look", async () => {
    const looking = await start({ CHAT_QUEUE_INTERVAL_MS: "500" });
    const page = new N8nPage(looking);
    const asked = page.ask("Hello");
    const messageId = await page.accepted("Hello");
    const mute = new FakeDispatcher(shared.stores, {
      ...looking,
      publisher: { publishChanges: () => undefined } as unknown as LiveGateway["publisher"],
    });
    await mute.answer(page.sessionId, messageId, ["Hi"]);
    expect(await asked.json()).toEqual({ output: "Hi" });
  });

  test("or could not be read while PostgreSQL was away, when it is back", async () => {
    await using proxy = await startFaultProxy(await ownDatabaseUrl());
    await using database = await openTestDatabase(proxy.url);
    const cutOff = await start({ CHAT_QUEUE_INTERVAL_MS: "500", CHAT_STREAM_HEARTBEAT_MS: "1000" }, { database });
    const page = new N8nPage(cutOff);
    const asked = page.ask("Hello");
    const messageId = await new N8nPage(gateway, page.sessionId).accepted("Hello");
    await asked.answered(); // it waits
    await proxy.refuse();
    const refused = await page.ask("Another").answered();
    expect([refused.status, Number(refused.headers["retry-after"]) > 0]).toEqual([503, true]);
    await dispatcher.answer(page.sessionId, messageId, ["Hi"]);
    await proxy.pass();
    expect(await asked.json()).toEqual({ output: "Hi" });
  });
});

describe("places", () => {
  test("a caller who goes away gives its place back, and its message is answered all the same", async () => {
    const own = await start();
    const page = new N8nPage(own);
    const [asked, streaming] = [page.ask("Hello"), page.askStreaming("Hello")];
    const messageId = await page.accepted("Hello");
    await untilWaiting(own, 2);
    for (const one of [asked, streaming]) one.leave();
    await untilWaiting(own, 0);
    await dispatcher.answer(page.sessionId, messageId, ["Hi"]);
    expect(await page.previous()).toEqual(["human: Hello", "bot: Hi"]);
  });

  test("also one who goes before the message is accepted", async () => {
    await using proxy = await startFaultProxy(await ownDatabaseUrl());
    await using database = await openTestDatabase(proxy.url);
    const own = await start({}, { database });
    const page = new N8nPage(own);
    proxy.slow(300);
    const arrived = once(own.app.server, "request");
    const asked = page.ask("Hello");
    await arrived;
    asked.leave();
    await new N8nPage(gateway, page.sessionId).accepted("Hello");
    await untilWaiting(own, 0);
    await proxy.pass();
  });

  test("without a place to wait in nothing is accepted", async () => {
    const full = await start({ CHAT_STREAM_MAX_CONNECTIONS: "1" });
    const [page, other] = [new N8nPage(full), new N8nPage(full)];
    const waiting = page.ask("Hello");
    await page.accepted("Hello");
    const refused = await other.ask("Hello").answered();
    expect([refused.status, Number(refused.headers["retry-after"]) > 0]).toEqual([503, true]);
    expect(await other.stored()).toEqual([]);
    waiting.leave();
    await untilWaiting(full, 0);
  });

  test("an answered or refused call has given its place back", async () => {
    const own = await start({ CHAT_RATE_LIMIT_DISABLED: "false", CHAT_RATE_LIMIT_MESSAGES: "1/60" });
    const page = new N8nPage(own);
    const asked = page.ask("Hello");
    await dispatcher.answer(page.sessionId, await page.accepted("Hello"), ["Hi"]);
    await asked.json();
    expect((await page.ask("Again").answered()).status).toBe(429);
    expect(await openReaders(own)).toBe(0);
  });
});
