import { formatConfigProblems, parseConfig, summarizeConfig, type ChatConfig } from "@chat-relay/core/config";
import { createLogger, type Logger } from "./logger.ts";
import { EXIT_BAD_CONFIG, exitCodeOf, runService, type Service } from "./run.ts";

export interface MainOptions {
  name: string;
  env: Record<string, string | undefined>;
  wire: (config: ChatConfig, logger: Logger) => Promise<Service>;
}

/** The life of a service from its environment to its exit code: parse, log, wire, run. */
export async function main({ name, env, wire }: MainOptions): Promise<number> {
  const parsed = parseConfig(env);
  if (!parsed.ok) {
    process.stderr.write(`${formatConfigProblems(parsed.problems)}\n`);
    return EXIT_BAD_CONFIG;
  }
  const logger = createLogger(name, parsed.config.logLevel);
  logger.debug({ config: summarizeConfig(parsed.config) }, "service.configured");
  try {
    return await runService(await wire(parsed.config, logger), logger);
  } catch (error) {
    logger.fatal({ err: error }, "service.start_failed");
    return exitCodeOf(error);
  }
}
