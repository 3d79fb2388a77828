import { openBus, type Bus } from "@chat-relay/bus/bus";
import type { ChatConfig } from "@chat-relay/core/config";
import { openDatabase, type Database } from "@chat-relay/database/database";
import { OutboxPublisher } from "./publisher.ts";

/** What a service keeps its conversations in, and tells of them with. */
export interface Stores {
  database: Database;
  bus: Bus;
  publisher: OutboxPublisher;
}

/** The part of the logger that is needed here. */
export interface StoresLogger {
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
}

/** Opens them on the stack, without waiting for either server; the stack closes them in reverse, marks written first. */
export async function openStores(
  config: ChatConfig,
  name: string,
  logger: StoresLogger,
  stack: AsyncDisposableStack,
): Promise<Stores> {
  const database = stack.use(
    await openDatabase({
      url: config.databaseUrl,
      poolSize: config.databasePoolSize,
      timeoutMs: config.databaseTimeoutMs,
      applicationName: name,
      onWarning: (reason) => logger.warn({ reason }, "database.connection_lost"),
    }),
  );
  const onStatus = (event: string, detail: string) => logger.info({ detail }, `bus.${event}`);
  const bus = stack.use(openBus({ ...config, name, onStatus }));
  const onError = (error: unknown, during: string) => logger.warn({ err: error, during }, "outbox.left_to_sweep");
  const publisher = new OutboxPublisher({ bus, database, maxInFlight: config.publishMaxInFlight, onError });
  stack.defer(() => publisher.flush());
  return { database, bus, publisher };
}
