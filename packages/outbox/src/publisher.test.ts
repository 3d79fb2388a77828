import { openBus, type Bus } from "@chat-relay/bus/bus";
import { STREAM_NAME } from "@chat-relay/core/events";
import { newId } from "@chat-relay/core/ids";
import { claimDelivery } from "@chat-relay/database/claim-delivery";
import { countUnpublished } from "@chat-relay/database/outbox";
import { recordReply } from "@chat-relay/database/record-reply";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { createTestBus, testNatsUrl } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OutboxPublisher } from "./publisher.ts";

let own: TestDatabase;
let bus: Bus;
let errors: unknown[];

beforeEach(async () => {
  own = await createTestDatabase();
  bus = await createTestBus();
  errors = [];
});
afterEach(async () => {
  await bus[Symbol.asyncDispose]();
  await own[Symbol.asyncDispose]();
});

function publisherOn(given: Bus, maxInFlight = 10): OutboxPublisher {
  return new OutboxPublisher({
    bus: given,
    database: own.database,
    maxInFlight,
    onError: (error) => errors.push(error),
  });
}

async function givenToken() {
  const { message } = await givenMessage(own.database, await givenSession(own.database));
  return { message, epoch: 1 };
}

const unpublished = () => countUnpublished(own.database, 100, true);

test("what is published is marked so, without being asked", async () => {
  const publisher = publisherOn(bus);
  publisher.publishTokens([await givenToken(), await givenToken()]);
  await waitFor("the marks", async () => (await unpublished()) === 0);
  expect((await bus.state()).pending).toBe(2);
});

test("a reply leaves the outbox when its event is on the bus", async () => {
  const sessionId = await givenSession(own.database);
  const reply = { id: newId(), sessionId, replyTo: null, content: "Hi", messageType: "text" as const, metadata: {} };
  const result = await recordReply(own.database, { ...reply, callbackId: newId() });
  if (result.kind !== "recorded") throw new Error("not recorded");
  expect(await unpublished()).toBe(1);
  const publisher = publisherOn(bus);
  publisher.publishReplies([result.message]);
  await publisher.flush();
  expect(await unpublished()).toBe(0);
});

test("what cannot be published stays in the outbox", async () => {
  await bus.client().jsm.streams.delete(STREAM_NAME);
  const publisher = publisherOn(bus);
  publisher.publishTokens([await givenToken()]);
  await publisher.flush();
  expect(errors).toMatchObject([{ name: "BusUnavailableError" }]);
  expect(await unpublished()).toBe(1);
});

test("no more are under way than allowed: the rest is left to the sweep", async () => {
  const publisher = publisherOn(bus, 2);
  publisher.publishTokens([await givenToken(), await givenToken(), await givenToken()]);
  await publisher.flush();
  expect((await bus.state()).pending).toBe(2);
  expect(await unpublished()).toBe(1);
});

test("a flush waits for what was under way, and not for what others begin meanwhile", async () => {
  await using proxy = await startFaultProxy(testNatsUrl());
  await using slow = openBus({ ...testConfig({ NATS_URL: proxy.url }), name: "test" });
  await slow.ready;
  const publisher = publisherOn(slow, 100);
  const tokens = await Promise.all(Array.from({ length: 12 }, givenToken));
  proxy.slow(150);
  publisher.publishTokens(tokens.splice(0, 1));
  const state = { flushed: false };
  const flushing = publisher.flush().then(() => (state.flushed = true));
  while (!state.flushed && tokens.length > 0) {
    publisher.publishTokens(tokens.splice(0, 1)); // before the one ahead of it can be confirmed
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(tokens.length).toBeGreaterThan(0);
  await flushing;
  await publisher.flush();
});

test("a token that was claimed in the meantime counts as published", async () => {
  const token = await givenToken();
  await claimDelivery(own.database, { messageId: token.message.id, sessionId: token.message.sessionId }, 60_000);
  expect(await unpublished()).toBe(0);
});
