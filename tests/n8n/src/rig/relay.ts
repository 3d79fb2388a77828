import { startStack, type Stack } from "@chat-relay/testkit/stack";
import { SECRET } from "./n8n-setup.ts";

export const ADMIN_TOKEN = "the-operator-of-the-n8n-tests";

/** All of chat-relay as processes, its messages going to that workflow. `env` sets configuration by variable name. */
export function startRelay(n8nWebhookUrl: string, env: Record<string, string> = {}): Promise<Stack> {
  const links = { CHAT_N8N_WEBHOOK_URL: n8nWebhookUrl, CHAT_WEBHOOK_SECRET: SECRET };
  return startStack({ ...links, CHAT_ADMIN_TOKEN: ADMIN_TOKEN, CHAT_WEBHOOK_TIMEOUT_MS: "30000", ...env });
}
