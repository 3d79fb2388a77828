import { newId } from "@chat-relay/core/ids";
import { messageSentEvent, type ChatEvent } from "@chat-relay/core/events";
import type { ChatMessage } from "@chat-relay/core/message";
import { createTestBus, testNatsUrl, wipeTestBus } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { startFaultProxy, type FaultProxy } from "@chat-relay/testkit/fault-proxy";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openBus, type Bus } from "./bus.ts";
import { Consumer, type ConsumerOptions, type Outcome } from "./consumer.ts";
import { BusRefusedError, BusUnavailableError } from "./errors.ts";
import { CONSUMER_NAME, provision } from "./provision.ts";

let bus: Bus;
const open = (env: Record<string, string> = {}) =>
  openBus({ ...testConfig({ NATS_URL: testNatsUrl(), ...env }), name: "test" });

beforeEach(async () => {
  bus = await createTestBus({ CHAT_ACK_WAIT_MS: "1000" });
});
afterEach(() => bus[Symbol.asyncDispose]());

function event(content = "Hello!", epoch = 1): ChatEvent<"chat.message.sent"> {
  const message: ChatMessage = {
    id: newId(),
    sessionId: newId(),
    sequence: 1,
    role: "user",
    content,
    messageType: "text",
    metadata: {},
    status: "queued",
    replyTo: null,
    createdAt: new Date().toISOString(),
  };
  return messageSentEvent(message, epoch);
}

const later = (ms: number) => new Promise<string>((resolve) => setTimeout(() => resolve("too late"), ms).unref());

async function stored(sequence: number) {
  const message = await bus.client().jsm.streams.getMessage("CHAT", { seq: sequence });
  if (message === null) throw new Error("not stored");
  return message;
}

describe("publishing", () => {
  test("keeps an event as a CloudEvent on its session's subject", async () => {
    const given = event("Grüße");
    const ack = await bus.publish(given);
    const message = await stored(ack.streamSequence);
    expect(message.subject).toBe(`chat.message.sent.${given.sessionId}`);
    const header = (name: string) => message.header.get(name);
    expect(header("ce-specversion")).toBe("1.0");
    expect(header("ce-id")).toBe(given.id);
    expect(header("ce-source")).toBe("urn:chat-relay");
    expect(header("ce-type")).toBe("chat.message.sent");
    expect(header("ce-time")).toBe(given.data.createdAt);
    expect(header("ce-subject")).toBe(given.sessionId);
    expect(header("Nats-Msg-Id")).toBe(given.id);
    expect(header("traceparent")).toMatch(/^00-/);
    expect(message.json()).toEqual(given.data);
  });

  test("the same event twice is kept once", async () => {
    const given = event();
    const first = await bus.publish(given);
    expect(await bus.publish(given)).toEqual({ streamSequence: first.streamSequence, duplicate: true });
  });

  test("leaves the text out of an event that would be too large", async () => {
    const ack = await bus.publish(event("\u0001".repeat(250_000)));
    expect((await stored(ack.streamSequence)).json()).toMatchObject({ content: "", contentOmitted: true });
  });

  test("fails at once while there is no server", async () => {
    await using away = openBus({ ...testConfig({ NATS_URL: "nats://127.0.0.1:1" }), name: "test" });
    await expect(away.publish(event())).rejects.toThrow(BusUnavailableError);
    expect(away.connected).toBe(false);
  });
});

describe("provisioning", () => {
  test("a service refuses settings that differ, and the migrate step mends them", async () => {
    await using other = open({ CHAT_ACK_WAIT_MS: "2000", CHAT_STREAM_MAX_AGE_MS: "120000" });
    await expect(other.ready).rejects.toThrow(BusRefusedError);
    await expect(other.ready).rejects.toThrow(/stream CHAT: max_age .*consumer dispatcher: ack_wait .*chat:migrate/);
    const limits = testConfig({ CHAT_ACK_WAIT_MS: "2000", CHAT_STREAM_MAX_AGE_MS: "120000" });
    expect(await provision(bus.client().jsm, limits)).toEqual({
      stream: "updated",
      liveStream: "unchanged",
      consumer: "updated",
    });
    expect(await provision(bus.client().jsm, limits)).toEqual({
      stream: "unchanged",
      liveStream: "unchanged",
      consumer: "unchanged",
    });
    await using mended = open({ CHAT_ACK_WAIT_MS: "2000", CHAT_STREAM_MAX_AGE_MS: "120000" });
    await mended.ready;
  });

  test("a service makes what is missing", async () => {
    await wipeTestBus();
    await bus.heal();
    expect(await bus.state()).toMatchObject({ pending: 0, ackPending: 0 });
  });
});

describe("consuming", () => {
  let stopping: AbortController;
  let running: Promise<void>;

  function consume(handle: ConsumerOptions["handle"], options: Partial<ConsumerOptions> = {}): Consumer {
    stopping = new AbortController();
    const consumer = new Consumer({
      bus,
      limit: () => 4,
      handle,
      heartbeat: async () => undefined,
      ackWaitMs: 1_000,
      errorDelayMs: () => 100,
      onError: () => undefined,
      ...options,
    });
    running = consumer.run(stopping.signal);
    return consumer;
  }

  afterEach(async () => {
    stopping?.abort();
    await running;
  });

  const settled = () =>
    waitFor("nothing pending", async () => {
      const state = await bus.state();
      return state.pending === 0 && state.ackPending === 0 && state;
    });

  test("done and not mine are acknowledged", async () => {
    const seen: string[] = [];
    consume(async (given) => {
      seen.push(given.data.content);
      return given.data.content === "a" ? { kind: "done" } : { kind: "not_mine" };
    });
    await Promise.all([bus.publish(event("a")), bus.publish(event("b"))]);
    await waitFor("both", () => seen.length === 2);
    await settled();
    expect(seen.toSorted()).toEqual(["a", "b"]);
  });

  test("a retry comes back, and not before its delay", async () => {
    const times: number[] = [];
    consume(async () => {
      times.push(performance.now());
      return times.length < 3 ? { kind: "retry", afterMs: 300 } : { kind: "done" };
    });
    await bus.publish(event());
    await waitFor("three deliveries", () => times.length === 3);
    const [first = 0, second = 0, third = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(290);
    expect(third - second).toBeGreaterThanOrEqual(290);
  });

  test("what a handler throws is retried", async () => {
    let calls = 0;
    const errors: unknown[] = [];
    const handle = async (): Promise<Outcome> => {
      calls += 1;
      if (calls === 1) throw new Error("poison");
      return { kind: "done" };
    };
    consume(handle, { onError: (error) => errors.push(error) });
    await bus.publish(event());
    await waitFor("the second delivery", () => calls === 2);
    expect(errors).toMatchObject([{ message: "poison" }]);
  });

  test("what is no event of the catalogue is never handed on and never comes back", async () => {
    let calls = 0;
    consume(async () => {
      calls += 1;
      return { kind: "done" };
    });
    await bus.client().js.publish(`chat.message.sent.${newId()}`, "not JSON");
    await settled();
    expect(calls).toBe(0);
  });

  test("no more are under way than the limit, and long work is not redelivered", async () => {
    let most = 0;
    let underWay = 0;
    let calls = 0;
    const release = Promise.withResolvers<void>();
    consume(
      async () => {
        calls += 1;
        underWay += 1;
        most = Math.max(most, underWay);
        await release.promise;
        underWay -= 1;
        return { kind: "done" };
      },
      { limit: () => 2 },
    );
    await Promise.all(Array.from({ length: 6 }, () => bus.publish(event())));
    await waitFor("two under way", () => calls === 2);
    const startedAtMs = performance.now();
    await waitFor("more than ack_wait to pass", () => performance.now() - startedAtMs > 2_500);
    expect(calls).toBe(2);
    release.resolve();
    await settled();
    expect(calls).toBe(6);
    expect(most).toBe(2);
  });

  test("a lane that is given back early takes another token, up to twice as many as there are lanes", async () => {
    let release = Promise.withResolvers<void>();
    let [calls, leavesEarly] = [0, true];
    consume(
      async (_event, leaveLane) => {
        calls += 1;
        if (leavesEarly) leaveLane();
        await release.promise;
        return { kind: "done" };
      },
      { limit: () => 2 },
    );
    const expectAtOnce = async (count: number) => {
      calls = 0;
      await Promise.all(Array.from({ length: 9 }, () => bus.publish(event())));
      await waitFor(`${count} under way`, () => calls === count);
      const startedAtMs = performance.now();
      await waitFor("some time to pass", () => performance.now() - startedAtMs > 1_000);
      expect(calls).toBe(count);
      release.resolve();
      await settled();
      expect(calls).toBe(9);
    };
    await expectAtOnce(4);
    [release, leavesEarly] = [Promise.withResolvers<void>(), false];
    await expectAtOnce(2); // none was given back twice
  });

  test("goes on after stream and consumer were deleted under it", async () => {
    const seen: string[] = [];
    consume(async (given) => {
      seen.push(given.data.content);
      return { kind: "done" };
    });
    await bus.publish(event("before"));
    await waitFor("the first", () => seen.length === 1);
    await bus.client().jsm.consumers.delete("CHAT", CONSUMER_NAME);
    await bus.client().jsm.streams.delete("CHAT");
    await waitFor("the stream to be made anew", () => bus.publish(event("after")));
    await waitFor("the second", () => seen.includes("after"));
  });

  test("stops with the work under way finished", async () => {
    const release = Promise.withResolvers<void>();
    let finished = false;
    consume(async () => {
      await release.promise;
      finished = true;
      return { kind: "done" };
    });
    await bus.publish(event());
    await waitFor("one under way", async () => (await bus.state()).ackPending === 1);
    stopping.abort();
    release.resolve();
    await running;
    expect(finished).toBe(true);
    await settled();
  });

  describe("on a link with faults", () => {
    let proxy: FaultProxy;
    let far: Bus;

    async function openFar(env: Record<string, string> = {}): Promise<void> {
      await bus[Symbol.asyncDispose]();
      bus = await createTestBus({ CHAT_ACK_WAIT_MS: "25000", ...env });
      proxy = await startFaultProxy(testNatsUrl());
      far = open({ CHAT_ACK_WAIT_MS: "25000", ...env, NATS_URL: proxy.url });
      await far.ready;
    }

    afterEach(async () => {
      await proxy[Symbol.asyncDispose]();
      await far[Symbol.asyncDispose]();
    });

    test("a token that arrives after the stop signal is given back at once", async () => {
      await openFar();
      const handled: string[] = [];
      const handle = async (given: ChatEvent): Promise<Outcome> => {
        handled.push(given.data.content);
        return { kind: "done" };
      };
      consume(handle, { bus: far, ackWaitMs: 25_000 });
      await bus.publish(event("before"));
      await waitFor("the first", () => handled.length === 1);
      proxy.slow(400); // less than the heartbeats of a fetch may be late
      await bus.publish(event("late"));
      await waitFor("the server to hand it out", async () => (await bus.state()).pending === 0);
      stopping.abort();
      await running;
      expect(handled).toEqual(["before"]);
      consume(handle, { ackWaitMs: 25_000 });
      await waitFor("it to come back long before ack_wait", () => handled.includes("late"), 10_000);
    });

    test("a question that nobody answers is given up long before a publish is", async () => {
      await openFar({ CHAT_PUBLISH_TIMEOUT_MS: "60000" });
      proxy.blackhole();
      const asked = far.state().catch((error: unknown) => error);
      await expect(Promise.race([asked, later(10_000)])).resolves.toBeInstanceOf(BusUnavailableError);
    });

    test("a silent server does not hold up the end", async () => {
      await openFar({ CHAT_PUBLISH_TIMEOUT_MS: "60000" });
      proxy.blackhole();
      consume(async () => ({ kind: "done" }), { bus: far });
      await new Promise((resolve) => setImmediate(resolve)); // the first fetch is being opened
      stopping.abort();
      await expect(Promise.race([running, later(20_000)])).resolves.toBeUndefined();
    });
  });
});
