import type { Bus } from "@chat-relay/bus/bus";
import type { ChatConfig } from "@chat-relay/core/config";
import { unreadChange } from "@chat-relay/core/session-events";
import type { Database } from "@chat-relay/database/database";
import { takeUnpublishedReplies } from "@chat-relay/database/outbox";
import { expireReplies, sweepDeliveries, type TokenHorizon } from "@chat-relay/database/sweep-deliveries";
import type { OutboxPublisher } from "@chat-relay/outbox/publisher";
import type { Breaker } from "./breaker.ts";
import type { DispatcherMetrics } from "./metrics.ts";

export interface SweepDependencies {
  config: Pick<ChatConfig, "queueIntervalMs" | "ackWaitMs" | "replyTimeoutMs">;
  database: Database;
  bus: Pick<Bus, "connected" | "state">;
  publisher: OutboxPublisher;
  breaker: Pick<Breaker, "state">;
  metrics: DispatcherMetrics;
}

const BATCH = 500;
const GRACE_MS = 2_000;

/** Tokens that were handed out come back to the bus by themselves while n8n is away: then none is taken for lost. */
async function readHorizon({ bus, breaker }: SweepDependencies): Promise<TokenHorizon | undefined> {
  const state = await bus.state();
  return breaker.state === "closed" ? state : undefined;
}

async function republishTokens(dependencies: SweepDependencies, ageMs: () => number): Promise<void> {
  const { config, database, bus, publisher, metrics } = dependencies;
  const horizon = await readHorizon(dependencies);
  const lostAfterMs = config.ackWaitMs + GRACE_MS;
  while (bus.connected) {
    const found = await sweepDeliveries(database, { unpublishedAfterMs: ageMs(), lostAfterMs, horizon, limit: BATCH });
    publisher.publishTokens(found);
    await publisher.flush();
    metrics.republished.inc({ what: "token" }, found.length);
    if (found.length < BATCH) return;
  }
}

async function republishReplies(dependencies: SweepDependencies, ageMs: () => number): Promise<void> {
  const { database, bus, publisher, metrics } = dependencies;
  while (bus.connected) {
    const found = await takeUnpublishedReplies(database, ageMs(), BATCH);
    publisher.publishReplies(found);
    await publisher.flush();
    metrics.republished.inc({ what: "reply" }, found.length);
    if (found.length < BATCH) return;
  }
}

async function expireAll({ config, database, publisher, metrics }: SweepDependencies): Promise<void> {
  for (;;) {
    const expired = await expireReplies(database, config.replyTimeoutMs, BATCH);
    metrics.unanswered.inc(expired.length);
    publisher.publishChanges([...new Set(expired)].map(unreadChange));
    if (expired.length < BATCH) return;
  }
}

/**
 * One look for work that the fast path lost. `minimumAgeMs` is 0 right after a reconnection, when everything unpublished
 * is overdue. What one pass has touched is younger than the pass, so a pass ends.
 */
export async function sweepOnce(dependencies: SweepDependencies, minimumAgeMs: number): Promise<void> {
  const { bus } = dependencies;
  const startedAtMs = performance.now();
  const ageMs = () => Math.max(minimumAgeMs, Math.ceil(performance.now() - startedAtMs));
  await expireAll(dependencies);
  if (!bus.connected) return;
  await republishTokens(dependencies, ageMs);
  await republishReplies(dependencies, ageMs);
}
