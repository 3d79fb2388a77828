import { startStack, type Stack } from "@chat-relay/testkit/stack";
import { SECRET } from "./n8n-setup.ts";

export const ADMIN_TOKEN = "the-operator-of-the-n8n-tests";

// Empty is unset: what is seen here is what a user sees, and not the quicker times of the other tests.
const DEFAULT_TIMES = { CHAT_ACK_WAIT_MS: "", CHAT_QUEUE_INTERVAL_MS: "", CHAT_QUEUE_BACKOFF_MS: "" };

/** All of chat-relay as processes, with its default times, its messages going to that workflow. `env` sets configuration by variable name. */
export function startRelay(n8nWebhookUrl: string, env: Record<string, string> = {}): Promise<Stack> {
  const links = { CHAT_N8N_WEBHOOK_URL: n8nWebhookUrl, CHAT_WEBHOOK_SECRET: SECRET };
  return startStack({ ...links, ...DEFAULT_TIMES, CHAT_ADMIN_TOKEN: ADMIN_TOKEN, ...env });
}
