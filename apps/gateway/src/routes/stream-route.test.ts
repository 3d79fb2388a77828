import { unreadChange } from "@chat-relay/core/session-events";
import { isDeepStrictEqual } from "node:util";
import { settleDelivery } from "@chat-relay/database/settle-delivery";
import type { LiveReader } from "@chat-relay/testkit/live-reader";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { beforeAll, describe, expect, test } from "vitest";
import { expire } from "../testing/conversation.ts";
import { closeReadersAfterEach, FakeDispatcher, listening, type LiveGateway } from "../testing/live-gateway.ts";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
closeReadersAfterEach();
let gateway: LiveGateway;
let dispatcher: FakeDispatcher;

beforeAll(async () => {
  gateway = await listening(
    await shared.stores.gateway({ CHAT_RATE_LIMIT_DISABLED: "true", CHAT_ALLOWED_ORIGINS: "https://shop.example" }),
  );
  dispatcher = new FakeDispatcher(shared.stores, gateway);
});

/** The blocks' text as a browser puts it together. */
function textOf(reader: LiveReader): string[] {
  const blocks: string[] = [];
  for (const { data } of reader.of("delta"))
    blocks[data.block] = (blocks[data.block] ?? "").slice(0, data.offset) + data.content;
  return blocks;
}

const failedAttempt = { durationMs: 1, httpStatus: 500, error: "n8n said no" };

/** A conversation of two messages, the second of which failed once before it was answered. */
async function converse(visitor: { id: string; token: string; auth: { authorization: string } }): Promise<void> {
  const first = await gateway.send(visitor, "first");
  await dispatcher.answer(visitor.id, first, ["one", "two"]);
  const second = await gateway.send(visitor, "second");
  await dispatcher.settle(await dispatcher.claim(visitor.id, second), {
    kind: "retry",
    attempt: failedAttempt,
    delayMs: 0,
  });
  await waitFor("the retry to be due", () => dispatcher.answer(visitor.id, second, ["three"]).then(() => true));
}

const TOLD = [
  ["message", "first"],
  ["message", "one"],
  ["message", "two"],
  ["status", "answered"],
  ["message", "second"],
  ["status", "queued"],
  ["message", "three"],
  ["status", "answered"],
];

describe("a stream", () => {
  test("begins with ready, and may be kept by nobody", async () => {
    const visitor = await gateway.session();
    const reader = gateway.read(visitor, { headers: { origin: "https://shop.example", "x-request-id": "mine" } });
    const [ready] = await reader.until("ready");
    expect(reader.status).toBe(200);
    expect(reader.raw.startsWith("retry: 2000\n\n")).toBe(true);
    expect([ready?.id?.startsWith(visitor.id), reader.events.length]).toEqual([true, 1]);
    expect(reader.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
      "x-request-id": "mine",
      "x-content-type-options": "nosniff",
      "access-control-allow-origin": "https://shop.example",
    });
  });

  test("tells of every message and every change of status as it happens, each once", async () => {
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    await reader.until("ready");
    await converse(visitor);
    await reader.until("status", 3);
    const told = reader.events.slice(1);
    expect(told.map(({ event, data }) => [event, data.content ?? data.status])).toEqual(TOLD);
    expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
    const { data } = await gateway.call("GET", `/api/chat/messages/${visitor.id}`, { headers: visitor.auth });
    expect(reader.of("message").map((event) => event.data.sequence)).toEqual([1, 2, 3, 4, 5]);
    const asStored = data.messages.map((message: object) => ({ ...message, status: expect.any(String) }));
    expect(reader.of("message").map((event) => event.data)).toEqual(asStored);
    expect(reader.of("status").map((event) => event.data.attempts)).toEqual([1, 1, 2]);
  });

  test("resumes after any of its events, at another gateway too, without a gap or a repeat", async () => {
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    await reader.until("ready");
    await converse(visitor);
    await reader.until("status", 3);
    const other = await listening(await shared.stores.gateway());
    for (const [index, { id }] of reader.events.entries()) {
      const resumed = other.read(visitor, { lastEventId: id });
      const rest = reader.events.slice(index + 1);
      await waitFor("what comes after", () => resumed.events.length === rest.length + 1);
      const [ready, ...told] = resumed.events;
      expect([ready?.event, ready?.id]).toEqual(["ready", id]);
      // What PostgreSQL reads may give an event the id of a later moment, never another event.
      expect(told.map(({ event, data }) => [event, data.id ?? data.messageId])).toEqual(
        rest.map(({ event, data }) => [event, data.id ?? data.messageId]),
      );
      expect(told.map((event) => event.id)).toEqual(rest.map((event) => event.id));
      resumed.close();
    }
  });

  test("resumes by the query too, and the header goes first", async () => {
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    await reader.until("ready");
    await gateway.send(visitor, "first");
    const [message] = await reader.until("message");
    const { url } = gateway;
    const path = `${url}/api/chat/stream/${visitor.id}?lastEventId=${reader.events[0]?.id}`;
    for (const [headers, wanted] of [
      [{}, reader.events[0]?.id],
      [{ "last-event-id": message?.id ?? "" }, message?.id],
    ] as const) {
      const response = await fetch(path, { headers: { ...visitor.auth, ...headers } });
      const { value } = (await response.body?.getReader().read()) ?? {};
      expect(new TextDecoder().decode(value)).toContain(`event: ready\nid: ${wanted}\n`);
      await response.body?.cancel().catch(() => undefined);
    }
  });

  test("without an id begins with what comes next", async () => {
    const visitor = await gateway.session();
    await converse(visitor);
    const reader = gateway.read(visitor);
    await reader.until("ready");
    await gateway.send(visitor, "next");
    const [message] = await reader.until("message");
    expect([message?.data.content, reader.events.length]).toEqual(["next", 2]);
  });

  test.each([
    ["junk", () => "junk"],
    ["another session's", () => "01a204da-05d2-7348-8179-58e517fc07b1.0.0"],
    ["one of the future", (id: string) => `${id}.99.0`],
    ["one that overflows", (id: string) => `${id}.9999999999.9999999999`],
    ["a very long one", (id: string) => `${id}.1.${"1".repeat(4_000)}`],
  ])("with an id that is %s, says reset and goes on fresh", async (_what, idOf) => {
    const visitor = await gateway.session();
    await gateway.send(visitor, "before");
    const reader = gateway.read(visitor, { lastEventId: idOf(visitor.id) });
    const [reset] = await reader.until("reset");
    expect(reader.events.map(({ event }) => event)).toEqual(["ready", "reset"]);
    expect(reset?.id).toBe(reader.events[0]?.id);
    await gateway.send(visitor, "after");
    expect((await reader.until("message")).map(({ data }) => data.content)).toEqual(["after"]);
  });

  test("keeps each reply within its own event, whatever is in it", async () => {
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    await reader.until("ready");
    const hostile = "x\n\nevent: end\ndata: {}\r\n\r\rid: 7\u2028\u0085event: reset\n\n: y";
    const id = await gateway.send(visitor, hostile);
    const claim = await dispatcher.claim(visitor.id, id);
    await dispatcher.show(claim, { block: 0, offset: 0, content: hostile });
    await reader.until("delta");
    await dispatcher.settle(claim, {
      kind: "delivered",
      attempt: { ...failedAttempt, error: null },
      replies: [hostile],
    });
    await reader.until("status");
    expect(reader.events.map(({ event }) => event)).toEqual(["ready", "message", "delta", "message", "status"]);
    expect(reader.of("message").map(({ data }) => data.content)).toEqual([hostile, hostile]);
    expect(reader.of("delta")[0]?.data.content).toBe(hostile);
  });

  test("is kept alive by comments", async () => {
    const lively = await listening(
      await shared.stores.gateway({ CHAT_RATE_LIMIT_DISABLED: "true", CHAT_STREAM_HEARTBEAT_MS: "1000" }),
    );
    const reader = lively.read(await lively.session());
    await waitFor("two comments", () => reader.comments >= 2);
    expect(reader.events.map(({ event }) => event)).toEqual(["ready"]);
  });

  test("finds what was never announced", async () => {
    const watchful = await listening(
      await shared.stores.gateway({ CHAT_RATE_LIMIT_DISABLED: "true", CHAT_QUEUE_INTERVAL_MS: "200" }),
    );
    const visitor = await watchful.session();
    const reader = watchful.read(visitor);
    await reader.until("ready");
    const id = await watchful.send(visitor);
    const claim = await dispatcher.claim(visitor.id, id);
    await settleDelivery(shared.stores.database, claim, { kind: "failed", attempt: failedAttempt });
    expect((await reader.until("status"))[0]?.data).toEqual({ messageId: id, status: "failed", attempts: 1 });
  });

  test("reads a change that was too large to be announced whole", async () => {
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    await reader.until("ready");
    const id = await gateway.send(visitor);
    const claim = await dispatcher.claim(visitor.id, id);
    const attempt = { durationMs: 1, httpStatus: 200, error: null };
    await settleDelivery(shared.stores.database, claim, { kind: "delivered", attempt, replies: ["large"] });
    gateway.publisher.publishChanges([unreadChange(visitor.id)]);
    expect((await reader.until("message", 2))[1]?.data.content).toBe("large");
  });
});

describe("the end of a session", () => {
  test("is told, and the stream is over; its token is refused from then on", async () => {
    const visitor = await gateway.session();
    const [one, two] = [gateway.read(visitor), gateway.read(visitor)];
    await Promise.all([one.until("ready"), two.until("ready")]);
    await gateway.call("DELETE", "/api/chat/session", { headers: visitor.auth });
    for (const reader of [one, two]) {
      await reader.until("end");
      await waitFor("the close", () => reader.closed);
      expect(reader.events.map(({ event }) => event)).toEqual(["ready", "end"]);
    }
    expect(await gateway.read(visitor).answered()).toBe(410);
  });

  test("by time is told too", async () => {
    const brief = await listening(
      await shared.stores.gateway({ CHAT_RATE_LIMIT_DISABLED: "true", CHAT_SESSION_TTL_GUEST_MS: "4000" }),
    );
    const reader = brief.read(await brief.session());
    await reader.until("end");
    await waitFor("the close", () => reader.closed);
  });

  test("that comes before the stream opens is 410", async () => {
    const visitor = await gateway.session();
    await expire(shared.stores.database, visitor.id);
    expect(await gateway.read(visitor).answered()).toBe(410);
  });
});

describe("pieces of a reply", () => {
  const piece = (offset: number, content: string, block = 0) => ({ block, offset, content });

  test("are shown as they come, and the finished message takes their place", async () => {
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    const messageId = await gateway.send(visitor);
    const claim = await dispatcher.claim(visitor.id, messageId);
    await dispatcher.show(claim, piece(0, "Good "));
    await dispatcher.show(claim, piece(5, "morning"), piece(0, "And", 1));
    await waitFor("the text", () => isDeepStrictEqual(textOf(reader), ["Good morning", "And"]));
    const late = gateway.read(visitor);
    await late.until("delta", 2);
    expect(late.of("delta").map(({ data, id }) => [data, id])).toEqual([
      [{ replyTo: messageId, block: 0, offset: 0, content: "Good morning" }, undefined],
      [{ replyTo: messageId, block: 1, offset: 0, content: "And" }, undefined],
    ]);
    await dispatcher.settle(claim, {
      kind: "delivered",
      attempt: { durationMs: 1, httpStatus: 200, error: null },
      replies: ["Good morning", "And"],
    });
    await reader.until("status");
    const after = gateway.read(visitor);
    await after.until("ready");
    await gateway.send(visitor, "next");
    await after.until("message");
    expect(after.of("delta")).toEqual([]);
  });

  test("are had by a reader at a gateway that did not hear them", async () => {
    const visitor = await gateway.session();
    const claim = await dispatcher.claim(visitor.id, await gateway.send(visitor));
    await dispatcher.show(claim, piece(0, "Good "));
    await dispatcher.show(claim, piece(5, "morning"));
    const other = await listening(await shared.stores.gateway());
    const reader = other.read(visitor);
    const [delta] = await reader.until("delta");
    expect(delta?.data).toMatchObject({ offset: 0, content: "Good morning" });
    await dispatcher.show(claim, piece(12, "!"));
    expect((await reader.until("delta", 2))[1]?.data).toMatchObject({ offset: 12, content: "!" });
  });

  test("are withdrawn when their attempt comes to nothing", async () => {
    const visitor = await gateway.session();
    const reader = gateway.read(visitor);
    await reader.until("ready");
    const claim = await dispatcher.claim(visitor.id, await gateway.send(visitor));
    await dispatcher.show(claim, piece(0, "Wrong"));
    await reader.until("delta");
    await dispatcher.settle(claim, { kind: "retry", attempt: failedAttempt, delayMs: 0 });
    await reader.until("delta", 2);
    expect(reader.events.slice(-2).map(({ event, data }) => [event, data.status ?? data.content])).toEqual([
      ["status", "queued"],
      ["delta", ""],
    ]);
    // What was still under way of that attempt is not shown any more, at no gateway.
    await dispatcher.show(claim, piece(5, " words"));
    const next = await dispatcher.claim(visitor.id, claim.messageId);
    await dispatcher.show(next, piece(0, "Right"));
    await reader.until("delta", 3);
    expect(reader.of("delta")[2]?.data).toMatchObject({ offset: 0, content: "Right" });
    const late = (await listening(await shared.stores.gateway())).read(visitor);
    expect((await late.until("delta"))[0]?.data).toMatchObject({ offset: 0, content: "Right" });
  });

  test("that lie in the live log though their dispatcher died are not shown to a new reader", async () => {
    const visitor = await gateway.session();
    const claim = await dispatcher.claim(visitor.id, await gateway.send(visitor));
    await dispatcher.show(claim, piece(0, "Old"));
    await dispatcher.settle(claim, { kind: "failed", attempt: failedAttempt });
    const reader = (await listening(await shared.stores.gateway())).read(visitor);
    await reader.until("ready");
    const second = await dispatcher.claim(visitor.id, await gateway.send(visitor));
    await dispatcher.show(second, piece(0, "New"));
    await waitFor("the new text", () => reader.of("delta").some(({ data }) => data.content === "New"));
    expect(reader.of("delta").filter(({ data }) => data.content === "Old")).toEqual([]);
  });
});

test("other sessions hear nothing", async () => {
  const [mine, theirs] = [await gateway.session(), await gateway.session()];
  const reader = gateway.read(mine);
  await reader.until("ready");
  await converse(theirs);
  await gateway.send(mine, "mine");
  expect((await reader.until("message")).map(({ data }) => data.content)).toEqual(["mine"]);
});

test("HEAD opens no stream", async () => {
  const visitor = await gateway.session();
  const { statusCode } = await gateway.app.inject({
    method: "HEAD",
    url: `/api/chat/stream/${visitor.id}`,
    headers: visitor.auth,
  });
  expect(statusCode).toBe(404);
});
