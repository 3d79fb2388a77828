import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { answerAsPortal, breakOff, fallSilent, refuse, type FakeGateway } from "./testing/fake-gateway.ts";
import { frame, type FakeSession } from "./testing/fake-session.ts";
import type { ChatClient } from "./index.ts";
import type { Internals } from "./chat-engine.ts";
import {
  NEVER,
  recordSnapshots,
  shown,
  storageOf,
  testClient,
  testGateway,
  untilLive,
  untilShown,
} from "./testing/test-client.ts";
import { TestPage } from "./testing/test-page.ts";

interface Conversation {
  gateway: FakeGateway;
  session: FakeSession;
  client: ChatClient;
  /** Of the visitor's one message. */
  id: string;
}

/** A client that is live, with one message. */
async function liveConversation({ timing, ...internals }: Internals = {}): Promise<Conversation> {
  const gateway = await testGateway();
  gateway.retryMs = timing?.retryMs ?? gateway.retryMs;
  // Its patience would be over in the middle of a test: then it reads the history once more.
  const client = testClient(gateway, {}, { timing: { patienceMs: 60_000, ...timing }, ...internals });
  client.start();
  client.send("Tell me");
  await untilLive(client);
  await untilShown(client, "it to be queued", ({ messages }) => messages[0]?.state === "queued");
  await waitFor("the history", () => gateway.named("GET /session").length === 1);
  const { session } = gateway;
  return { gateway, session, client, id: session.messages[0]?.id ?? "" };
}

function textOf({ snapshot }: ChatClient): string | undefined {
  return snapshot.streaming[0]?.blocks.join("|");
}

function untilText(client: ChatClient, text: string): Promise<unknown> {
  return untilShown(client, `the text "${text}"`, () => textOf(client) === text);
}

function untilAnswered(client: ChatClient): Promise<unknown> {
  return untilShown(client, "the answer", ({ messages }) => messages[0]?.state === "answered");
}

test("a reply is shown as it is written, then whole, in one change", async () => {
  const { session, client, id } = await liveConversation();
  session.setStatus(id, "queued", 1);
  await untilShown(client, "the attempt", ({ messages }) => messages[0]?.attempts === 1);
  session.delta(id, 0, "Once 😀");
  session.delta(id, 7, " upon");
  session.delta(id, 0, "a time", 1);
  await untilText(client, "Once 😀 upon|a time");
  expect(client.snapshot.streaming[0]?.replyTo).toBe(id);
  const snapshots = recordSnapshots(client);
  session.reply(id, "Once 😀 upon a time.");
  await untilAnswered(client);
  expect(shown(client)).toEqual(["1 user Tell me answered", "2 assistant Once 😀 upon a time. received"]);
  for (const { messages, streaming } of snapshots) expect(messages.length + streaming.length).toBe(2);
});

test("a stream that breaks off in the middle of an event goes on where it was: no gap, no doubled text", async () => {
  const { gateway, session, client, id } = await liveConversation();
  session.delta(id, 0, "Once");
  await untilText(client, "Once");
  session.write(frame("delta", { replyTo: id, block: 0, offset: 4, content: " lost" }).slice(0, -1));
  session.cutStreams();
  session.delta(id, 4, " upon");
  session.setStatus(id, "delivered");
  await untilText(client, "Once upon");
  await untilShown(client, "the status", ({ messages }) => messages[0]?.state === "delivered");
  const snapshots = recordSnapshots(client);
  session.cutStreams();
  session.reply(id, "Once upon a time.");
  await untilAnswered(client);
  expect(shown(client)).toHaveLength(2);
  for (const { messages, streaming } of snapshots) expect(messages.length + streaming.length).toBe(2);
  const resumed = gateway.named("GET /stream").map(({ headers }) => headers["last-event-id"]);
  expect(resumed).toEqual([undefined, expect.stringMatching(/^session-1\.\d$/), "session-1.2"]);
  expect(gateway.named("GET /session")).toHaveLength(1);
  expect(gateway.mostStreams).toBe(1);
});

test("bytes may come in any pieces", async () => {
  const { session, client, id } = await liveConversation();
  const bytes = new TextEncoder().encode(frame("delta", { replyTo: id, block: 0, offset: 0, content: "ü😀" }));
  for (const byte of bytes) session.write(Uint8Array.of(byte));
  await untilText(client, "ü😀");
});

test("text that was withdrawn while the stream was away is gone", async () => {
  const { session, client, id } = await liveConversation();
  session.delta(id, 0, "First attempt");
  await untilText(client, "First attempt");
  session.cutStreams();
  session.texts.clear();
  session.setStatus(id, "queued", 1);
  await untilShown(client, "nothing", ({ streaming, connection }) => streaming.length === 0 && connection === "live");
  session.delta(id, 0, "Second");
  await untilText(client, "Second");
  session.delta(id, 0, "");
  await untilShown(client, "nothing", ({ streaming }) => streaming.length === 0);
});

test("a stream that falls silent is made anew; comments keep one alive", async () => {
  const { gateway, session, client, id } = await liveConversation({ timing: { silenceMs: 800 } });
  const beat = setInterval(() => session.write(": still here\n\n"), 50);
  await waitFor("comments", () => performance.now() - (gateway.named("GET /stream")[0]?.at ?? 0) > 1_700);
  clearInterval(beat);
  expect(gateway.named("GET /stream")).toHaveLength(1);
  // From here on nothing comes: neither an event nor an end.
  await waitFor("a second stream", () => gateway.named("GET /stream").length === 2);
  session.reply(id, "There.");
  await untilAnswered(client);
});

test("a stream that opens and never says it is ready is given up", async () => {
  const gateway = await testGateway();
  gateway.planAlways("GET /stream", ({ response }) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
  });
  const client = testClient(gateway, {}, { timing: { requestMs: 100 } });
  client.start();
  client.send("Hello!");
  await waitFor("a second try", () => gateway.named("GET /stream").length >= 2);
  expect(client.snapshot.connection).toBe("offline");
});

test("the gateway says how soon to come back", async () => {
  const { gateway, session, client } = await liveConversation({ timing: { retryMaxMs: 60_000 } });
  gateway.retryMs = 600;
  session.cutStreams();
  await waitFor("the second stream", () => gateway.named("GET /stream").length === 2);
  await untilLive(client);
  session.cutStreams();
  await waitFor("the third", () => gateway.named("GET /stream").length === 3);
  const [, second, third] = gateway.named("GET /stream").map(({ at }) => at);
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(400);
});

async function untilResumed({ gateway, session, client }: Conversation, count: number): Promise<void> {
  const before = gateway.named("GET /stream").length;
  for (let lost = 1; lost <= count; lost += 1) {
    session.cutStreams();
    await waitFor("the next stream", () => gateway.named("GET /stream").length === before + lost);
    await untilLive(client);
  }
}

test("streams that break off as soon as they stand are opened at growing intervals", async () => {
  const timing = { retryMs: 20, retryMaxMs: 60_000 };
  const conversation = await liveConversation({ timing });
  await untilResumed(conversation, 5);
  const opened = conversation.gateway.named("GET /stream").map(({ at }) => at);
  expect((opened[5] ?? 0) - (opened[4] ?? 0)).toBeGreaterThanOrEqual(timing.retryMs * 2 ** 4 * 0.75 - 5);
});

test("a stream that stood for a while does not count as a failure", async () => {
  // If it did, the last one would come after half a minute.
  const timing = { retryMs: 60, retryMaxMs: 600_000, healthyMs: 0 };
  await untilResumed(await liveConversation({ timing }), 10);
});

test.each([
  ["refused", refuse(503, "unavailable"), "unavailable"],
  ["broken off", breakOff, "network"],
  ["answered by somebody else", answerAsPortal, "network"],
])("a stream that is %s is tried again, and says what is wrong meanwhile", async (_how, fault, code) => {
  const { gateway, session, client } = await liveConversation();
  const mend = gateway.planAlways("GET /stream", fault);
  session.cutStreams();
  await untilShown(client, "to be offline", ({ connection }) => connection === "offline");
  expect(client.snapshot.problem?.code).toBe(code);
  await waitFor("more tries", () => gateway.named("GET /stream").length > 3);
  mend();
  await untilLive(client);
  expect(client.snapshot.problem).toBeNull();
});

test("a stream that was refused with Retry-After waits for so long", async () => {
  const page = new TestPage();
  const { gateway, session, client } = await liveConversation({ page });
  gateway.plan("GET /stream", refuse(429, "rate_limited", { "retry-after": "1" }));
  session.cutStreams();
  await untilShown(client, "to be offline", ({ connection }) => connection === "offline");
  page.goOnline();
  await untilLive(client);
  const [, refused, again] = gateway.named("GET /stream").map(({ at }) => at);
  expect((again ?? 0) - (refused ?? 0)).toBeGreaterThanOrEqual(950);
});

test("after a reset the history is read again, and what is there no more is gone", async () => {
  const { gateway, session, client } = await liveConversation();
  session.say("gone");
  await untilShown(client, "both", ({ messages }) => messages.length === 2);
  session.messages.pop();
  session.say("there");
  session.write(frame("reset", {}, "elsewhere.7"));
  await untilShown(client, "what is there", () => shown(client).join() === "1 user Tell me queued,2 user there queued");
  session.cutStreams();
  await waitFor("the second stream", () => gateway.named("GET /stream").length === 2);
  expect(gateway.named("GET /stream")[1]?.headers["last-event-id"]).toBe("elsewhere.7");
  // That id is none of the session's, which this gateway says, too.
  await waitFor("the history once more", () => gateway.named("GET /session").length === 3);
  await untilLive(client);
});

test("a message that the stream left out is read from the history", async () => {
  const { session, client } = await liveConversation();
  session.say("left out", { isTold: false });
  session.say("told");
  await untilShown(client, "all of them", ({ messages }) => messages.length === 3);
  expect(shown(client)).toEqual(["1 user Tell me queued", "2 user left out queued", "3 user told queued"]);
});

test("what happens while the history is being read is not lost", async () => {
  const { gateway, session, client } = await liveConversation();
  const { promise: read, resolve: goOn } = Promise.withResolvers<void>();
  client.stop();
  const again = testClient(gateway, { storage: storageOf(client) });
  gateway.plan("GET /session", async ({ response, proceed }) => {
    const end = response.end.bind(response) as (body: string) => typeof response;
    response.end = ((body: string) => {
      void read.then(() => end(body));
      return response;
    }) as typeof response.end;
    proceed();
  });
  again.start();
  await untilLive(again);
  await waitFor("the history to be read", () => gateway.named("GET /session").length === 2);
  session.reply("session-1-m1", "Meanwhile");
  await untilShown(again, "the reply", ({ messages }) => messages.length === 1);
  // Each of these shows that something was left out; they are one more reading, not one each.
  for (const content of ["a", "b", "c"]) {
    session.say(`${content} untold`, { isTold: false });
    session.say(content);
  }
  await untilShown(again, "what was told", ({ messages }) => messages.length === 4);
  expect(gateway.named("GET /session")).toHaveLength(2);
  goOn();
  await untilShown(again, "the history", ({ messages }) => messages.length === 8);
  expect(shown(again).slice(0, 3)).toEqual([
    "1 user Tell me answered",
    "2 assistant Meanwhile received",
    "3 user a untold queued",
  ]);
  expect(gateway.named("GET /session")).toHaveLength(3);
});

test("a stop before the history is there does not lose it", async () => {
  const { gateway, client } = await liveConversation();
  const again = testClient(gateway, { storage: storageOf(client) });
  client.stop();
  gateway.plan("GET /session", fallSilent);
  again.start();
  await untilLive(again);
  again.stop();
  again.start();
  await untilLive(again);
  await untilShown(again, "the history", ({ messages }) => messages.length === 1);
});

test("where no stream gets through there is the history, and messages go out", async () => {
  const { gateway, session, client } = await liveConversation();
  client.stop();
  gateway.planAlways("GET /stream", fallSilent);
  session.reply("session-1-m1", "Still here");
  const again = testClient(gateway, { storage: storageOf(client) });
  again.start();
  await untilShown(again, "the history", ({ messages }) => messages.length === 2);
  expect(again.snapshot.connection).toBe("connecting");
  again.send("And I");
  await untilShown(again, "it to be queued", ({ messages }) => messages[2]?.state === "queued");
});

test("what the client does not know is left out", async () => {
  const { gateway, session, client, id } = await liveConversation();
  const snapshots = recordSnapshots(client);
  session.write('event: message\ndata: {"half\n\n');
  for (const data of [{}, null, "text", { messageId: 7 }]) {
    for (const type of ["message", "status", "delta", "surprise"]) session.write(frame(type, data as object));
  }
  session.reply(id, "Hello");
  await untilAnswered(client);
  expect(Math.max(...snapshots.map(({ messages }) => messages.length))).toBe(2);
  expect(gateway.named("GET /stream")).toHaveLength(1);
});

test("older history is loaded page by page, also when it fails at first", async () => {
  const { gateway, session, client } = await liveConversation();
  client.stop();
  for (let count = 2; count <= 120; count += 1) session.say(`text ${count}`);
  const again = testClient(gateway, { storage: storageOf(client) });
  again.start();
  await untilShown(again, "the newest page", ({ messages }) => messages.length === 50);
  expect([again.snapshot.hasOlder, again.snapshot.messages[0]?.sequence]).toEqual([true, 71]);
  gateway.plan("GET /messages", breakOff, refuse(503, "unavailable"));
  const loading = [again.loadOlder(), again.loadOlder()];
  expect(again.snapshot.loadingOlder).toBe(true);
  await Promise.all(loading);
  expect([again.snapshot.loadingOlder, again.snapshot.messages.length, again.snapshot.messages[0]?.sequence]).toEqual([
    false,
    100,
    21,
  ]);
  expect(gateway.named("GET /messages")).toHaveLength(3);
  await again.loadOlder();
  expect([again.snapshot.hasOlder, again.snapshot.messages.length]).toEqual([false, 120]);
  await again.loadOlder();
  expect(gateway.named("GET /messages")).toHaveLength(4);
});

test("older history that is refused is not asked for again, and nobody waits for it", async () => {
  const { gateway, session, client } = await liveConversation();
  client.stop();
  for (let count = 2; count <= 60; count += 1) session.say(`text ${count}`);
  const again = testClient(gateway, { storage: storageOf(client) });
  again.start();
  await untilShown(again, "the newest page", ({ messages }) => messages.length === 50);
  gateway.plan("GET /messages", refuse(400, "validation_failed"));
  await again.loadOlder();
  expect(again.snapshot).toMatchObject({ hasOlder: false, loadingOlder: false });
  await again.loadOlder();
  expect([again.snapshot.messages.length, gateway.named("GET /messages").length]).toEqual([50, 1]);
});

test("a stop ends the wait for older history", async () => {
  const { gateway, session, client } = await liveConversation();
  client.stop();
  for (let count = 2; count <= 60; count += 1) session.say(`text ${count}`);
  const again = testClient(gateway, { storage: storageOf(client) });
  again.start();
  await untilShown(again, "the newest page", ({ messages }) => messages.length === 50);
  gateway.plan("GET /messages", fallSilent);
  const loading = again.loadOlder();
  again.stop();
  await loading;
  expect(again.snapshot.loadingOlder).toBe(false);
});

test("without a network the client is offline at once, and live again with it", async () => {
  const page = new TestPage();
  const { session, client, id } = await liveConversation({ page, timing: NEVER });
  page.goOffline();
  await untilShown(client, "to notice", ({ connection }) => connection !== "live");
  session.reply(id, "Meanwhile");
  page.goOnline();
  await untilAnswered(client);
  await untilLive(client);
});

test("a stream that was started right after a stop is given up without a network, too", async () => {
  const page = new TestPage();
  const { client } = await liveConversation({ page, timing: NEVER });
  client.stop();
  client.start();
  await untilLive(client);
  page.goOffline();
  await untilShown(client, "to notice", ({ connection }) => connection !== "live");
});

test("a page that comes back does not trust a stream that was silent for long", async () => {
  const page = new TestPage();
  const { gateway, client } = await liveConversation({ page, timing: { ...NEVER, staleMs: 1_000 } });
  page.show();
  await waitFor("silence", () => performance.now() - (gateway.named("GET /stream")[0]?.at ?? 0) > 1_500);
  expect(gateway.named("GET /stream")).toHaveLength(1);
  page.show();
  await waitFor("the second stream", () => gateway.named("GET /stream").length === 2);
  await untilLive(client);
});

test("a page out of sight leaves its stream, and catches up when it is seen again", async () => {
  const page = new TestPage();
  const { gateway, session, client, id } = await liveConversation({ page, timing: { awayMs: 50 } });
  session.delta(id, 0, "Once");
  await untilText(client, "Once");
  page.hide();
  await waitFor("the stream to be left", () => gateway.openStreams === 0);
  session.reply(id, "Once upon a time.");
  client.send("And then?");
  await waitFor("it to be accepted", () => session.messages.length === 3);
  expect(gateway.named("GET /stream")).toHaveLength(1);
  page.show();
  await untilAnswered(client);
  await untilLive(client);
  expect(shown(client)).toEqual([
    "1 user Tell me answered",
    "2 assistant Once upon a time. received",
    "3 user And then? queued",
  ]);
  expect([gateway.named("GET /stream").length, gateway.named("GET /session").length]).toEqual([2, 1]);
});

test("a client that was stopped out of sight is live again when it is started in sight", async () => {
  const page = new TestPage();
  const { gateway, client } = await liveConversation({ page, timing: { awayMs: 50 } });
  page.hide();
  await waitFor("the stream to be left", () => gateway.openStreams === 0);
  client.stop();
  page.show();
  client.start();
  await untilLive(client);
});

test("a page that was out of sight for a moment only stays live, one that opens in the background gets its history", async () => {
  const page = new TestPage();
  const { gateway, client } = await liveConversation({ page, timing: { awayMs: 300 } });
  page.hide();
  page.show();
  await waitFor("some time", () => performance.now() - (gateway.named("GET /stream")[0]?.at ?? 0) > 600);
  expect([gateway.named("GET /stream").length, gateway.openStreams]).toEqual([1, 1]);
  const background = new TestPage();
  background.hide();
  const other = testClient(gateway, { storage: storageOf(client) }, { page: background, timing: { awayMs: 50 } });
  other.start();
  await untilShown(other, "the history", ({ messages }) => messages.length === 1);
  await waitFor("its stream to be left", () => gateway.openStreams === 1);
});
