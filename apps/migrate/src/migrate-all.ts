import { provisionBus } from "@chat-relay/bus/provision-bus";
import type { ChatConfig } from "@chat-relay/core/config";
import { DatabaseUnavailableError } from "@chat-relay/database/database";
import { migrate } from "@chat-relay/database/migrate";
import type { Logger } from "@chat-relay/service/logger";

const PATIENCE_MS = 60_000;
const RETRY_MS = 500;

/** PostgreSQL may still be starting beside us. */
async function migrateWithPatience(url: string): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await migrate(url);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** The one step that changes the shape of the stores: applies migrations, provisions stream and consumer. */
export async function migrateAll(config: ChatConfig, logger: Logger): Promise<void> {
  const applied = await migrateWithPatience(config.databaseUrl);
  logger.info({ applied }, "migrate.database_done");
  const provisioned = await provisionBus(config, PATIENCE_MS);
  logger.info({ ...provisioned }, "migrate.bus_done");
}
