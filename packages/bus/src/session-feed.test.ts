import { changeSubject, pieceSubject } from "@chat-relay/core/events";
import { newId } from "@chat-relay/core/ids";
import type { ReplyPieces } from "@chat-relay/core/reply-pieces";
import type { SessionChange } from "@chat-relay/core/session-events";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { createTestBus, testNatsUrl } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openBus, type Bus } from "./bus.ts";
import { BusUnavailableError } from "./errors.ts";
import { publishPieces } from "./live-log.ts";
import { followSession, type Feed } from "./session-feed.ts";

let bus: Bus;
let sessionId: string;
let changes: SessionChange[];
let pieces: ReplyPieces[];

beforeAll(async () => {
  bus = await createTestBus();
});
beforeEach(() => {
  [sessionId, changes, pieces] = [newId(), [], []];
});
afterAll(() => bus[Symbol.asyncDispose]());

async function follow(on: Bus = bus): Promise<Feed> {
  const { feed, opened } = followSession(on, sessionId, {
    onChange: (change) => changes.push(change),
    onPieces: (given) => pieces.push(given),
  });
  await opened;
  return feed;
}

function change(sequence: number, content = "Hello!"): SessionChange {
  const fixed = { sessionId, messageType: "text", metadata: {}, replyTo: null } as const;
  const data = { id: newId(), ...fixed, role: "user", status: "queued", sequence, content } as const;
  const event = { type: "message", position: { sequence, status: 0 }, data: { ...data, createdAt: NOW } } as const;
  return { sessionId, after: { sequence: sequence - 1, status: 0 }, events: [event] };
}

const NOW = new Date().toISOString();
const piece = (id: string): ReplyPieces => {
  const given = [{ block: 0, offset: 0, content: "Grüße" }];
  return { id, sessionId, replyTo: newId(), attempt: 1, afterSequence: 0, pieces: given };
};

test("a follower hears its session's changes and pieces, in order, and nobody else's", async () => {
  const feed = await follow();
  const [first, second, third] = [change(1), change(2), piece("1.1")];
  bus.announce({ ...change(1), sessionId: newId() });
  bus.announce(first);
  bus.announce(second);
  await publishPieces(bus, third);
  await waitFor("the piece", () => pieces.length === 1);
  expect([changes, pieces]).toEqual([[first, second], [third]]);
  feed.close();
  expect(feed.isClosed).toBe(true);
  bus.announce(change(3));
  await bus.client().connection.flush();
  expect(changes).toHaveLength(2);
});

test("what is none of ours is passed over", async () => {
  const feed = await follow();
  const { connection } = bus.client();
  connection.publish(changeSubject(sessionId), "not JSON");
  connection.publish(
    changeSubject(sessionId),
    JSON.stringify({ sessionId, after: { sequence: -1, status: 0 }, events: [] }),
  );
  connection.publish(pieceSubject(sessionId, "none"), "{}");
  bus.announce(change(1));
  await waitFor("the change", () => changes.length === 1);
  expect(pieces).toEqual([]);
  feed.close();
});

test("a change that is too large for the bus is announced without its events", async () => {
  const feed = await follow();
  bus.announce(change(1, "\u0001".repeat(150_000)));
  bus.announce(change(2, "x".repeat(921_000)));
  await waitFor("both", () => changes.length === 2);
  expect(changes.map(({ events }) => events.length)).toEqual([1, 0]);
  expect(changes[1]).toEqual({ sessionId, after: null, events: [] });
  feed.close();
});

test("a feed outlives a lost connection", async () => {
  await using road = await startFaultProxy(testNatsUrl());
  await using far = openBus({ ...testConfig({ NATS_URL: road.url }), name: "test" });
  await far.ready;
  const feed = await follow(far);
  await road.refuse();
  await waitFor("the loss", () => !far.connected);
  await road.pass();
  await waitFor("the connection", () => far.connected);
  await waitFor("a change", () => {
    bus.announce(change(1));
    return changes.length > 0;
  });
  feed.close();
});

test("a feed ends with its connection", async () => {
  const own = openBus({ ...testConfig({ NATS_URL: testNatsUrl() }), name: "test" });
  await own.ready;
  const feed = await follow(own);
  await own[Symbol.asyncDispose]();
  expect(feed.isClosed).toBe(true);
});

test("nobody can follow while there is no server, and what is announced then goes nowhere", async () => {
  await using away = openBus({ ...testConfig({ NATS_URL: "nats://127.0.0.1:1" }), name: "test" });
  await expect(follow(away)).rejects.toThrow(BusUnavailableError);
  away.announce(change(1));
});
