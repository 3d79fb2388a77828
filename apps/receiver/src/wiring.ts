import { busWorker } from "@chat-relay/bus/bus-worker";
import type { ChatConfig } from "@chat-relay/core/config";
import { migratedCheck } from "@chat-relay/database/migrate";
import { openStores } from "@chat-relay/outbox/open-stores";
import { Health } from "@chat-relay/service/health";
import { httpWorker } from "@chat-relay/service/http-worker";
import type { Logger } from "@chat-relay/service/logger";
import { createRegistry } from "@chat-relay/service/metrics";
import type { Service } from "@chat-relay/service/run";
import { createReceiverApp } from "./app.ts";

/** Opens what the receiver needs, in order; the stack closes it in reverse. */
export async function wireReceiver(config: ChatConfig, logger: Logger): Promise<Service> {
  await using opening = new AsyncDisposableStack();
  const { database, bus, publisher } = await openStores(config, "chat-receiver", logger, opening);
  // A reply needs PostgreSQL, migrated, and nothing else: its event may go out later.
  const health = new Health({ postgres: migratedCheck(database) });
  const app = createReceiverApp({
    config,
    database,
    bus,
    publisher,
    logger,
    health,
    registry: createRegistry("receiver"),
  });
  const http = httpWorker(app, { host: config.host, port: config.receiverPort, graceMs: config.shutdownGraceMs });
  return {
    workers: [http, busWorker(bus)],
    onStop: () => health.stop(),
    drainMs: config.shutdownDrainMs,
    resources: opening.move(),
  };
}
