import { parseConfig, type ChatConfig } from "@chat-relay/core/config";

/** The configuration of a test: defaults, and what the test sets by variable name. */
export function testConfig(env: Record<string, string> = {}): ChatConfig {
  const parsed = parseConfig({
    CHAT_WEBHOOK_SECRET: "a-secret-for-the-tests",
    CHAT_N8N_WEBHOOK_URL: "http://127.0.0.1:9/nobody",
    DATABASE_URL: "postgres://127.0.0.1:9/nobody",
    NATS_URL: "nats://127.0.0.1:9",
    LOG_LEVEL: "silent",
    ...env,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}
