import { BusUnavailableError } from "@chat-relay/bus/errors";
import type { ChatConfig } from "@chat-relay/core/config";
import { DatabaseUnavailableError, type Database } from "@chat-relay/database/database";
import type { OutboxPublisher } from "@chat-relay/outbox/publisher";
import type { Health } from "@chat-relay/service/health";
import { createHttpApp } from "@chat-relay/service/http-app";
import type { Logger } from "@chat-relay/service/logger";
import type { Registry } from "@chat-relay/service/metrics";
import { operationsRoutes } from "@chat-relay/service/operations-routes";
import type { FastifyInstance } from "fastify";
import { NOT_AUTHENTIC } from "./authenticate-callback.ts";
import { keepRawBodies } from "./raw-bodies.ts";
import { historyRoute } from "./routes/history.ts";
import { webhookRoutes } from "./routes/webhook.ts";
import type { LiveLog } from "./take-piece.ts";
import { createVerifyRequest } from "./verify-request.ts";

/** What the receiver's app is made from. */
export interface ReceiverDependencies {
  config: ChatConfig;
  database: Database;
  bus: LiveLog;
  publisher: Pick<OutboxPublisher, "publishChanges" | "publishReplies" | "publishTokens">;
  logger: Logger;
  health: Health;
  registry: Registry;
}

/** The receiver's HTTP app as a value; listening is the worker's business. */
export function createReceiverApp(dependencies: ReceiverDependencies): FastifyInstance {
  const { config, logger, health, registry } = dependencies;
  const app = createHttpApp({
    logger,
    bodyMaxBytes: config.callbackMaxBytes,
    requestTimeoutMs: config.requestTimeoutMs,
    trustedProxies: config.trustedProxies,
    headersTooLarge: NOT_AUTHENTIC,
    isUnavailable: (error) => error instanceof DatabaseUnavailableError || error instanceof BusUnavailableError,
  });
  operationsRoutes(app, { health, registry });
  void app.register(async (scope) => {
    keepRawBodies(scope);
    const verifyRequest = createVerifyRequest(dependencies);
    webhookRoutes(scope, dependencies, verifyRequest);
    historyRoute(scope, dependencies, verifyRequest);
  });
  return app;
}
