const SECRET_PREFIX = "whsec_";
const SECRET_MIN_CHARS = 16;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The keys in order, the first of which signs; or what is wrong with the text. */
export type WebhookSecrets = { ok: true; keys: [Buffer, ...Buffer[]] } | { ok: false; problem: string };

function parseSecret(secret: string): Buffer | string {
  if (secret.length < SECRET_MIN_CHARS) return `needs at least ${SECRET_MIN_CHARS} characters in each secret`;
  if (!secret.startsWith(SECRET_PREFIX)) return Buffer.from(secret, "utf8");
  const encoded = secret.slice(SECRET_PREFIX.length);
  return BASE64.test(encoded) ? Buffer.from(encoded, "base64") : `has a ${SECRET_PREFIX} secret that is not base64`;
}

/**
 * Reads a secret as chat-relay reads its `CHAT_WEBHOOK_SECRET`, so that the same text works on both sides: several are
 * separated by white space (a comma may be part of a secret), `whsec_` is followed by the key in base64, anything else is
 * the key itself.
 */
export function parseWebhookSecrets(text: string): WebhookSecrets {
  const parsed = text.split(/\s+/).filter(Boolean).map(parseSecret);
  const problem = parsed.find((item) => typeof item === "string");
  if (typeof problem === "string") return { ok: false, problem };
  const [first, ...others] = parsed.filter((item) => typeof item !== "string");
  return first === undefined ? { ok: false, problem: "is empty" } : { ok: true, keys: [first, ...others] };
}
