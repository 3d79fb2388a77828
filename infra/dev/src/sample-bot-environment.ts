import { withPlaceholders } from "./launcher-config.ts";
import type { Environment } from "./launcher-config.ts";

const READ = [
  "CHAT_WEBHOOK_SECRET",
  "CHAT_HOST",
  "CHAT_SAMPLE_BOT_PORT",
  "CHAT_SIGNATURE_TOLERANCE_MS",
  "LOG_LEVEL",
] as const;

/** The part of the environment that concerns the bot: it has no database and no bus, and must have a secret. */
export function botEnvironment(env: Environment): Record<string, string | undefined> {
  const own = Object.fromEntries(READ.map((name) => [name, env[name]]));
  const CHAT_WEBHOOK_SECRET = env["CHAT_WEBHOOK_SECRET"];
  return { ...withPlaceholders(own), CHAT_WEBHOOK_SECRET };
}
