import { busWorker } from "@chat-relay/bus/bus-worker";
import type { ChatConfig } from "@chat-relay/core/config";
import { migratedCheck } from "@chat-relay/database/migrate";
import { openStores } from "@chat-relay/outbox/open-stores";
import { Health } from "@chat-relay/service/health";
import { httpWorker } from "@chat-relay/service/http-worker";
import type { Logger } from "@chat-relay/service/logger";
import type { Service } from "@chat-relay/service/run";
import { createGatewayApp } from "./app.ts";

/** Opens what the gateway needs, in order, without waiting for either server; the stack closes it in reverse. */
export async function wireGateway(config: ChatConfig, logger: Logger): Promise<Service> {
  await using opening = new AsyncDisposableStack();
  const stores = await openStores(config, "chat-gateway", logger, opening);
  // NATS is no part of it: sends are accepted without, and a balancer that took all gateways away with it would turn a
  // delay into an outage.
  const health = new Health({ postgres: migratedCheck(stores.database) });
  const app = await createGatewayApp({ config, logger, health, ...stores });
  const http = httpWorker(app, { host: config.host, port: config.gatewayPort, graceMs: config.shutdownGraceMs });
  return {
    workers: [http, busWorker(stores.bus)],
    onStop: () => health.stop(),
    drainMs: config.shutdownDrainMs,
    resources: opening.move(),
  };
}
