import type { Bus } from "@chat-relay/bus/bus";
import type { ChatConfig } from "@chat-relay/core/config";
import type { Database } from "@chat-relay/database/database";
import { migratedCheck } from "@chat-relay/database/migrate";
import { OutboxPublisher } from "@chat-relay/outbox/publisher";
import { Health } from "@chat-relay/service/health";
import { createLogger } from "@chat-relay/service/logger";
import { createTestBus } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify";
import { createGatewayApp } from "../app.ts";
import { DocumentCheck } from "./document-check.ts";

const ADMIN_TOKEN = "operator-token-of-the-tests";
export const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };

// oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
export type Answer = LightMyRequestResponse & { data: any };

/** A line of a log; its message is an event's name. */
export type LogLine = Record<string, unknown> & { msg: string };

/** A gateway's app on real stores, and short ways to call it. */
export interface TestGateway {
  app: FastifyInstance;
  config: ChatConfig;
  publisher: OutboxPublisher;
  /** What it has logged. */
  log: LogLine[];
  call(
    method: "GET" | "POST" | "DELETE" | "OPTIONS" | "HEAD",
    url: string,
    options?: Omit<InjectOptions, "method" | "url">,
  ): Promise<Answer>;
  /** Opens a session. */
  session(body?: object): Promise<{ id: string; token: string; auth: { authorization: string } }>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- see above
function parse(response: LightMyRequestResponse): any {
  return /json/.test(String(response.headers["content-type"])) ? response.json() : undefined;
}

/** The stores that the gateways of one test file share. */
export interface TestStores extends AsyncDisposable {
  database: Database;
  bus: Bus;
  /** Builds a gateway; without rate limits unless `env` sets some. */
  gateway(env?: Record<string, string>, parts?: { database?: Database; bus?: Bus }): Promise<TestGateway>;
}

// Every answer in every test is held against the OpenAPI document.
async function callOn(app: FastifyInstance): Promise<TestGateway["call"]> {
  await app.ready();
  const check = new DocumentCheck(app);
  return async (method, url, options = {}) => {
    const response = await app.inject({ ...options, method, url });
    const data = parse(response);
    check.verify({
      method,
      url,
      status: response.statusCode,
      contentType: response.headers["content-type"]?.toString(),
      body: data,
    });
    return Object.assign(response, { data });
  };
}

function sessionOn(call: TestGateway["call"]): TestGateway["session"] {
  return async (body = {}) => {
    const { data } = await call("POST", "/api/chat/session", { payload: body });
    return { id: data.sessionId, token: data.sessionToken, auth: { authorization: `Bearer ${data.sessionToken}` } };
  };
}

/** Makes the stores of a test file. */
export async function createTestStores(): Promise<TestStores> {
  const stores: TestDatabase = await createTestDatabase();
  const bus = await createTestBus();
  const opened: FastifyInstance[] = [];
  return {
    database: stores.database,
    bus,
    async gateway(env = { CHAT_RATE_LIMIT_DISABLED: "true" }, parts = {}) {
      const config = testConfig({ CHAT_ADMIN_TOKEN: ADMIN_TOKEN, ...env });
      const { database, bus: itsBus } = { database: stores.database, bus, ...parts };
      const publisher = new OutboxPublisher({
        bus: itsBus,
        database,
        maxInFlight: config.publishMaxInFlight,
        onError: () => undefined,
      });
      const health = new Health({ postgres: migratedCheck(database) });
      const log: LogLine[] = [];
      const app = await createGatewayApp({
        config,
        logger: createLogger("test", "info", { write: (line) => void log.push(JSON.parse(line) as LogLine) }),
        health,
        database,
        bus: itsBus,
        publisher,
      });
      opened.push(app);
      const call = await callOn(app);
      return { app, config, publisher, log, call, session: sessionOn(call) };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((app) => app.close()));
      await bus[Symbol.asyncDispose]();
      await stores[Symbol.asyncDispose]();
    },
  };
}
