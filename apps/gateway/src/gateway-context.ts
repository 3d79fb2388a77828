import type { Bus } from "@chat-relay/bus/bus";
import type { ChatConfig } from "@chat-relay/core/config";
import { DatabaseUnavailableError, type Database } from "@chat-relay/database/database";
import { countUnpublished } from "@chat-relay/database/outbox";
import { createRateLimiter } from "@chat-relay/database/rate-limiter";
import type { OutboxPublisher } from "@chat-relay/outbox/publisher";
import type { Health } from "@chat-relay/service/health";
import type { Logger } from "@chat-relay/service/logger";
import { createGatewayMetrics, type GatewayMetrics } from "./gateway-metrics.ts";
import { LiveHub } from "./live/live-hub.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { OutboxGauge } from "./outbox-gauge.ts";
import { RateGate } from "./rate-gate.ts";

/** What the gateway's app is made from. */
export interface GatewayDependencies {
  config: ChatConfig;
  logger: Logger;
  health: Health;
  database: Database;
  bus: Bus;
  publisher: Pick<OutboxPublisher, "publishTokens" | "publishChanges">;
}

/** What the gateway's use cases work with. */
export interface GatewayContext extends GatewayDependencies {
  metrics: GatewayMetrics;
  sessionsGate: RateGate;
  messagesGate: RateGate;
  outbox: OutboxGauge;
  /** What has the same key goes one after another, so that a burst of repeats is not taken for a burst of messages. */
  sameKey: OneAtATime;
  live: LiveHub;
}

/** Builds what lives as long as the app does. */
export function createContext(dependencies: GatewayDependencies): GatewayContext {
  const { config, database, bus } = dependencies;
  const metrics = createGatewayMetrics({ busConnected: () => bus.connected, liveStreams: () => live.size });
  const live = new LiveHub({ ...dependencies, onCut: () => metrics.streamsCut.inc() });
  const { rateLimitSessions, rateLimitMessages, rateLimitDisabled, outboxMax } = config;
  const sessions = createRateLimiter(database, "sessions", rateLimitSessions, rateLimitDisabled);
  const messages = createRateLimiter(database, "messages", rateLimitMessages, rateLimitDisabled);
  return {
    ...dependencies,
    metrics,
    sessionsGate: new RateGate(sessions, metrics.rateLimited),
    messagesGate: new RateGate(messages, metrics.rateLimited),
    outbox: new OutboxGauge({ count: () => countUnpublished(database, outboxMax, !bus.connected), max: outboxMax }),
    sameKey: new OneAtATime((error) => error instanceof DatabaseUnavailableError),
    live,
  };
}
