import { randomBytes, randomUUID } from "node:crypto";
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseWebhookSecrets } from "@chat-relay/core/webhook-signature";

/** The webhook secret of a data directory: generated at the first start, the same ever after. */
export function openWebhookSecret(dataDir: string): string {
  const file = join(dataDir, "webhook-secret");
  const secret = readSecret(file) ?? createSecret(file);
  if (!parseWebhookSecrets(secret).ok)
    throw new Error(`${file} holds no valid secret: delete it, or set CHAT_WEBHOOK_SECRET`);
  return secret;
}

function readSecret(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

// Plain, so that it can be given to n8n, whose Crypto node takes a secret as text and not the key behind a `whsec_…`.
// Linked into place whole: a start that is killed here leaves no half secret for the next one.
function createSecret(file: string): string {
  const secret = randomBytes(32).toString("hex");
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, `${secret}\n`, { mode: 0o600, flush: true });
  linkSync(draft, file);
  rmSync(draft);
  return secret;
}
