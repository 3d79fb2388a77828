import { BusUnavailableError } from "@chat-relay/bus/errors";
import { OutboxPublisher } from "@chat-relay/outbox/publisher";
import { createLogger } from "@chat-relay/service/logger";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestBus } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { createTestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { expect, test } from "vitest";
import { createDispatcherMetrics } from "./metrics.ts";
import { SweepWorker } from "./sweep-worker.ts";

test("a look that failed is made again soon, at everything unpublished, however young", async () => {
  await using own = await createTestDatabase();
  await using bus = await createTestBus();
  const { database } = own;
  const { message } = await givenMessage(database, await givenSession(database));
  let looks = 0;
  const state = async () => {
    looks += 1;
    if (looks <= 2) throw new BusUnavailableError("no leader yet");
    return bus.state();
  };
  const sweep = new SweepWorker({
    config: testConfig({ CHAT_QUEUE_INTERVAL_MS: "600000" }),
    database,
    bus: { connected: true, state },
    publisher: new OutboxPublisher({ bus, database, maxInFlight: 100, onError: () => undefined }),
    breaker: { state: "closed" },
    metrics: createDispatcherMetrics({ inFlight: () => 0, breaker: () => "closed", busConnected: () => true }),
    logger: createLogger("dispatcher", "silent"),
  });
  const stopping = new AbortController();
  const running = sweep.run(stopping.signal);
  await waitFor("the token to be published", async () => (await bus.state()).pending === 1);
  const stored = await bus.client().jsm.streams.getMessage("CHAT", { last_by_subj: "chat.message.sent.*" });
  expect(stored?.json()).toMatchObject({ id: message.id });
  stopping.abort();
  await running;
});
