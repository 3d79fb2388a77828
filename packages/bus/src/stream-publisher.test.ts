import { newId } from "@chat-relay/core/ids";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { createTestBus, testNatsUrl } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openBus, type Bus } from "./bus.ts";

let bus: Bus;
const subject = () => `chat.message.sent.${newId()}`;
const payload = Buffer.from("{}");

beforeEach(async () => {
  bus = await createTestBus();
});
afterEach(() => bus[Symbol.asyncDispose]());

test("each publish gets its own acknowledgement, and a repeat is known", async () => {
  const { publisher } = bus.client();
  const ids = Array.from({ length: 20 }, () => newId());
  const acks = await Promise.all(ids.map((id) => publisher.publish(subject(), payload, { "Nats-Msg-Id": id })));
  const [first = 0] = acks.map((ack) => ack.streamSequence);
  expect(acks).toEqual(ids.map((_id, at) => ({ streamSequence: first + at, duplicate: false })));
  const again = await publisher.publish(subject(), payload, { "Nats-Msg-Id": ids[3] ?? "" });
  expect(again).toEqual({ streamSequence: first + 3, duplicate: true });
});

test("what the stream refuses fails with its reason, and what no stream takes fails at once", async () => {
  const { publisher } = bus.client();
  const refused = publisher.publish(subject(), payload, { "Nats-Expected-Last-Sequence": "999999" });
  await expect(refused).rejects.toThrow(/wrong last sequence/);
  await expect(publisher.publish("nobody.listens", payload, {})).rejects.toThrow("no stream takes the subject");
});

test("a header cannot become two", async () => {
  const { publisher } = bus.client();
  expect(() => publisher.publish(subject(), payload, { a: "1\r\nb: 2" })).toThrow("the header a has a line end in it");
});

test("a server that says nothing is given up after the time-out, one publish after another", async () => {
  await using proxy = await startFaultProxy(testNatsUrl());
  const config = testConfig({ NATS_URL: proxy.url, CHAT_PUBLISH_TIMEOUT_MS: "1000" });
  await using far = openBus({ ...config, name: "test" });
  await far.ready;
  const { publisher } = far.client();
  proxy.blackhole();
  const startedAtMs = performance.now();
  const unheard = [1, 2].map(() => publisher.publish(subject(), payload, {}));
  const results = await Promise.allSettled(unheard);
  expect(results.map((result) => result.status === "rejected" && String(result.reason))).toEqual([
    "Error: no acknowledgement in time",
    "Error: no acknowledgement in time",
  ]);
  expect(performance.now() - startedAtMs).toBeGreaterThan(900);
});

test("whoever waits when the bus is closed is told", async () => {
  await using proxy = await startFaultProxy(testNatsUrl());
  const far = openBus({ ...testConfig({ NATS_URL: proxy.url, CHAT_PUBLISH_TIMEOUT_MS: "60000" }), name: "test" });
  await far.ready;
  proxy.blackhole();
  const unheard = far.client().publisher.publish(subject(), payload, {});
  const [result] = await Promise.all([unheard.catch(String), far[Symbol.asyncDispose]()]);
  expect(result).toBe("Error: the connection was closed");
});
