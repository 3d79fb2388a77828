import { Consumer } from "@chat-relay/bus/consumer";
import type { ChatConfig } from "@chat-relay/core/config";
import { newId } from "@chat-relay/core/ids";
import { webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import { migratedCheck, untilMigrated } from "@chat-relay/database/migrate";
import { openStores } from "@chat-relay/outbox/open-stores";
import { Health } from "@chat-relay/service/health";
import { httpWorker } from "@chat-relay/service/http-worker";
import type { Logger } from "@chat-relay/service/logger";
import type { Service } from "@chat-relay/service/run";
import { createDispatcherApp } from "./app.ts";
import { Breaker } from "./breaker.ts";
import { ClaimGate } from "./claim-gate.ts";
import { consumeWorker } from "./consume-worker.ts";
import { deliverMessage } from "./deliver-message.ts";
import { HeldClaims } from "./held-claims.ts";
import { createDispatcherMetrics } from "./metrics.ts";
import { createN8nClient } from "./n8n-client.ts";
import { ReportWorker } from "./report-worker.ts";
import { SweepWorker } from "./sweep-worker.ts";

/** Opens everything that the dispatcher needs and puts its workers together. */
export async function wireDispatcher(config: ChatConfig, logger: Logger): Promise<Service> {
  await using opening = new AsyncDisposableStack();
  const { database, bus, publisher } = await openStores(config, "chat-dispatcher", logger, opening);
  const n8n = opening.use(createN8nClient(config));
  const held = new HeldClaims(database, config.ackWaitMs);
  const gate = new ClaimGate();
  const ending = new AbortController();
  const breaker = new Breaker({
    concurrency: config.dispatchConcurrency,
    probeMs: config.breakerProbeMs,
    probeMaxMs: config.breakerProbeMaxMs,
    rampMs: config.breakerRampMs,
    probe: () => n8n.probe(),
    onChange: (state) => {
      logger.info({ state }, "breaker.changed");
      consumer.wake();
      sweep.poke("breaker_changed");
      report.poke();
    },
    // Of the URL no more than this: its path may be all that keeps others out.
    onUnreachable: (problem) => logger.warn({ problem, host: new URL(config.n8nWebhookUrl).host }, "n8n.unreachable"),
    onRoom: () => consumer.wake(),
  });
  opening.defer(() => breaker.stop());
  const metrics = createDispatcherMetrics({
    inFlight: () => held.size,
    breaker: () => breaker.state,
    busConnected: () => bus.connected,
  });
  const signingKey = webhookKeys(config.webhookSecret)[0] as WebhookKey;
  const dependencies = {
    config,
    bus,
    database,
    publisher,
    n8n,
    breaker,
    gate,
    held,
    signingKey,
    metrics,
    logger,
    ending: ending.signal,
  };
  const consumer = new Consumer({
    bus,
    limit: () => gate.limit(breaker.limit(), held.size),
    handle: (event, leaveLane) => deliverMessage(dependencies, event, leaveLane),
    heartbeat: async () => {
      if (held.size > 0) await gate.through(() => held.renew());
    },
    ackWaitMs: config.ackWaitMs,
    errorDelayMs: () => 1_000 + Math.random() * 1_000,
    onError: (error, during) => logger.warn({ err: error, during }, "consumer.failed"),
  });
  const sweep = new SweepWorker(dependencies);
  const report = new ReportWorker({ database, breaker, dispatcherId: newId(), logger });
  opening.defer(bus.onConnected(() => sweep.poke("reconnected")));
  const migrated = migratedCheck(database);
  const health = new Health({ postgres: migrated, nats: () => bus.state() });
  const app = createDispatcherApp({ config, logger, health, registry: metrics.registry });
  const handBack = () => {
    ending.abort();
    held.handBack();
  };
  const untilReady = async (signal: AbortSignal) => {
    await untilMigrated(migrated, signal, (error) => logger.warn({ err: error }, "database.not_ready"));
    await bus.ready;
  };
  return {
    workers: [
      httpWorker(app, { host: config.host, port: config.dispatcherPort, graceMs: config.shutdownGraceMs }),
      consumeWorker({ consumer, untilReady, graceMs: config.shutdownGraceMs, handBack }),
      sweep,
      report,
    ],
    onStop: () => health.stop(),
    drainMs: config.shutdownDrainMs,
    resources: opening.move(),
  };
}
