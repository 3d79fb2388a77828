import { parseConfig, formatConfigProblems } from "@chat-relay/core/config";
import { createLogger } from "@chat-relay/service/logger";
import { EXIT_BAD_CONFIG, exitCodeOf } from "@chat-relay/service/run";
import { migrateAll } from "./migrate-all.ts";

async function run(): Promise<number> {
  const parsed = parseConfig(process.env);
  if (!parsed.ok) {
    process.stderr.write(`${formatConfigProblems(parsed.problems)}\n`);
    return EXIT_BAD_CONFIG;
  }
  const logger = createLogger("migrate", parsed.config.logLevel);
  try {
    await migrateAll(parsed.config, logger);
    return 0;
  } catch (error) {
    logger.fatal({ err: error }, "migrate.failed");
    return exitCodeOf(error);
  }
}

process.exit(await run());
