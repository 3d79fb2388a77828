import { BusUnavailableError } from "@chat-relay/bus/errors";
import { newId } from "@chat-relay/core/ids";
import { signWebhook } from "@chat-relay/core/webhook-signature";
import type { Database } from "@chat-relay/database/database";
import { migratedCheck } from "@chat-relay/database/migrate";
import { Health } from "@chat-relay/service/health";
import { createLogger } from "@chat-relay/service/logger";
import { createRegistry } from "@chat-relay/service/metrics";
import { testConfig } from "@chat-relay/testkit/test-config";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { createReceiverApp, type ReceiverDependencies } from "../app.ts";

export const SECRET = "a-secret-for-the-tests";
const KEY = Buffer.from(SECRET, "utf8");

const NO_BUS: ReceiverDependencies["bus"] = {
  client: () => {
    throw new BusUnavailableError("there is no NATS here");
  },
  heal: async () => undefined,
};

const NO_PUBLISHER: ReceiverDependencies["publisher"] = {
  publishReplies: () => undefined,
  publishTokens: () => undefined,
  publishChanges: () => undefined,
};

/** The receiver's app on a database; `env` sets limits by variable name. What it says on the bus goes nowhere unless given. */
export function testReceiver(
  database: Database,
  env: Record<string, string> = {},
  { bus = NO_BUS, publisher = NO_PUBLISHER }: Partial<Pick<ReceiverDependencies, "bus" | "publisher">> = {},
): FastifyInstance {
  const config = testConfig({ CHAT_WEBHOOK_SECRET: SECRET, ...env });
  const logger = createLogger("receiver", config.logLevel);
  const registry = createRegistry("receiver");
  return createReceiverApp({
    config,
    database,
    bus,
    publisher,
    logger,
    registry,
    health: new Health({ postgres: migratedCheck(database) }),
  });
}

export interface Signed {
  id?: string;
  /** Seconds from now. */
  ageSeconds?: number;
  key?: Buffer;
  contentType?: string | undefined;
  /** Replaces or removes (undefined) single headers after signing. */
  headers?: Record<string, string | string[] | undefined>;
  /** Sent instead of what was signed. */
  sentBody?: Buffer | string;
  remoteAddress?: string;
}

function bytes(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body), "utf8");
}

/** The headers of a callback signed now. */
export function signedHeaders(body: Buffer, options: Signed = {}): Record<string, string> {
  const id = options.id ?? `evt_${newId()}`;
  const timestamp = Math.floor(Date.now() / 1_000) - (options.ageSeconds ?? 0);
  const signature = signWebhook(options.key ?? KEY, id, timestamp, body);
  return { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signature };
}

function post(url: string, app: FastifyInstance, body: unknown, options: Signed): Promise<LightMyRequestResponse> {
  const raw = bytes(body);
  const contentType = "contentType" in options ? options.contentType : "application/json";
  const headers = { ...signedHeaders(raw, options), "content-type": contentType, ...options.headers };
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  const payload = options.sentBody === undefined ? raw : bytes(options.sentBody);
  const remoteAddress = options.remoteAddress ?? "192.0.2.1";
  return app.inject({ method: "POST", url, headers: given as Record<string, string>, payload, remoteAddress });
}

/** Sends a callback: signed correctly, unless the options spoil it. */
export function postCallback(app: FastifyInstance, body: unknown, options: Signed = {}) {
  return post("/api/chat/webhook", app, body, options);
}

/** Asks for a history: signed correctly, unless the options spoil it. */
export function postHistory(app: FastifyInstance, body: unknown, options: Signed = {}) {
  return post("/api/chat/history", app, body, options);
}
