import type { ChatConfig } from "@chat-relay/core/config";
import type { Health } from "@chat-relay/service/health";
import { createHttpApp } from "@chat-relay/service/http-app";
import type { Logger } from "@chat-relay/service/logger";
import type { Registry } from "@chat-relay/service/metrics";
import { operationsRoutes } from "@chat-relay/service/operations-routes";
import type { FastifyInstance } from "fastify";

export interface AppDependencies {
  config: ChatConfig;
  logger: Logger;
  health: Health;
  registry: Registry;
}

/** The dispatcher's HTTP side: health and metrics, nothing else. */
export function createDispatcherApp({ config, logger, health, registry }: AppDependencies): FastifyInstance {
  const { bodyMaxBytes, requestTimeoutMs } = config;
  const app = createHttpApp({ logger, bodyMaxBytes, requestTimeoutMs, isUnavailable: () => false });
  operationsRoutes(app, { health, registry });
  return app;
}
