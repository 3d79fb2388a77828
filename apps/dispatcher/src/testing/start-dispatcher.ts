import type { Bus } from "@chat-relay/bus/bus";
import type { ChatConfig } from "@chat-relay/core/config";
import type { ChatMessage } from "@chat-relay/core/message";
import type { Database } from "@chat-relay/database/database";
import { readDelivery, type Delivery } from "@chat-relay/database/read-deliveries";
import { readQueue } from "@chat-relay/database/read-queue";
import { OutboxPublisher } from "@chat-relay/outbox/publisher";
import { createLogger } from "@chat-relay/service/logger";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { startFakeN8n, type FakeN8n } from "@chat-relay/testkit/fake-n8n";
import { startFaultProxy, type FaultProxy } from "@chat-relay/testkit/fault-proxy";
import { createTestBus, testNatsUrl } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { createTestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { wireDispatcher } from "../wiring.ts";

export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

/** A dispatcher in this process, on real stores, with a fake n8n on the other side. */
export interface TestDispatcher extends AsyncDisposable {
  config: ChatConfig;
  database: Database;
  bus: Bus;
  n8n: FakeN8n;
  /** The dispatcher's own ways to its servers; the test has others. */
  postgres: FaultProxy;
  nats: FaultProxy;
  session(): Promise<string>;
  /** Accepts a message and announces it, as the gateway does. */
  send(sessionId: string, content?: string): Promise<ChatMessage>;
  delivery(messageId: string): Promise<Delivery>;
  /** Waits until the delivery has the status. */
  until(messageId: string, status: Delivery["status"], timeoutMs?: number): Promise<Delivery>;
  breaker(): Promise<string>;
  /** Its warnings and errors. */
  logged: LogLine[];
  /** Stops the dispatcher and waits for its end. */
  stop(): Promise<void>;
  /** Starts another in its place. */
  startAgain(): Promise<void>;
}

const FAST = {
  CHAT_QUEUE_BACKOFF_MS: "200",
  CHAT_QUEUE_INTERVAL_MS: "300",
  CHAT_ACK_WAIT_MS: "1500",
  CHAT_SHUTDOWN_GRACE_MS: "500",
  CHAT_BREAKER_PROBE_MS: "100",
  CHAT_WEBHOOK_TIMEOUT_MS: "2000",
};

async function startWorkers(config: ChatConfig, logged: LogLine[]) {
  const write = (line: string) => void logged.push(JSON.parse(line) as LogLine);
  const service = await wireDispatcher(config, createLogger("dispatcher", "warn", { write }));
  const stopping = new AbortController();
  const workers = service.workers.filter((worker) => worker.name !== "http");
  const running = Promise.all(workers.map((worker) => worker.run(stopping.signal)));
  return async () => {
    stopping.abort();
    await running;
    await service.resources.disposeAsync();
  };
}

/** Starts it; `env` sets configuration by variable name. */
export async function startDispatcher(env: Record<string, string> = {}): Promise<TestDispatcher> {
  const own = await createTestDatabase();
  const n8n = await startFakeN8n();
  const postgres = await startFaultProxy(own.url);
  const nats = await startFaultProxy(testNatsUrl());
  const settings = {
    ...FAST,
    DATABASE_URL: postgres.url,
    NATS_URL: nats.url,
    CHAT_N8N_WEBHOOK_URL: n8n.url,
    ...env,
  };
  const bus = await createTestBus(settings);
  const config = testConfig(settings);
  const publisher = new OutboxPublisher({ bus, database: own.database, maxInFlight: 100, onError: () => undefined });
  let stopped: Promise<void> | undefined;
  const logged: LogLine[] = [];
  let stopWorkers = await startWorkers(config, logged);
  const stop = () => (stopped ??= stopWorkers());
  const startAgain = async () => {
    await stop();
    stopWorkers = await startWorkers(config, logged);
    stopped = undefined;
  };
  const { database } = own;
  const delivery = async (messageId: string) => {
    const found = await readDelivery(database, messageId);
    if (found === undefined) throw new Error("no such delivery");
    return found;
  };
  return {
    config,
    database,
    bus,
    n8n,
    postgres,
    nats,
    session: () => givenSession(database),
    async send(sessionId, content) {
      const { message, epoch } = await givenMessage(database, sessionId, content);
      if (epoch !== null) publisher.publishTokens([{ message, epoch }]);
      return message;
    },
    delivery,
    until: (messageId, status, timeoutMs) =>
      waitFor(
        `delivery to be ${status}`,
        async () => {
          const found = await delivery(messageId);
          return found.status === status && found;
        },
        timeoutMs,
      ),
    breaker: async () => (await readQueue(database)).breaker,
    logged,
    stop,
    startAgain,
    async [Symbol.asyncDispose]() {
      await stop();
      await publisher.flush();
      await bus[Symbol.asyncDispose]();
      await n8n[Symbol.asyncDispose]();
      await Promise.all([postgres[Symbol.asyncDispose](), nats[Symbol.asyncDispose]()]);
      await own[Symbol.asyncDispose]();
    },
  };
}
