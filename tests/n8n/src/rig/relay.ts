import { startStack, type Stack } from "@chat-relay/testkit/stack";
import { SECRET } from "./n8n-setup.ts";

export const ADMIN_TOKEN = "the-operator-of-the-n8n-tests";

/** All of chat-relay as processes, its messages going to that workflow. `env` sets configuration by variable name. */
export function startRelay(n8nWebhookUrl: string, env: Record<string, string> = {}): Promise<Stack> {
  const links = { CHAT_N8N_WEBHOOK_URL: n8nWebhookUrl, CHAT_WEBHOOK_SECRET: SECRET };
  // A machine that runs n8n too is not always quick: leases as long as by default.
  const times = { CHAT_WEBHOOK_TIMEOUT_MS: "30000", CHAT_ACK_WAIT_MS: "8000" };
  return startStack({ ...links, ...times, CHAT_ADMIN_TOKEN: ADMIN_TOKEN, ...env });
}
