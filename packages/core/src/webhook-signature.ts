import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from "node:crypto";

const SECRET_PREFIX = "whsec_";
const SECRET_MIN_CHARS = 16;
const MAX_SIGNATURES = 32;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A key to sign and verify with. HMAC takes the bytes too, but then makes a key object of them each time: six times the cost. */
export type WebhookKey = KeyObject | Buffer;

/** What a signer puts beside a body, after Standard Webhooks. */
export interface WebhookHeaders {
  id: string | undefined;
  timestamp: string | undefined;
  signature: string | undefined;
}

export type SecretsResult = { ok: true; keys: KeyObject[] } | { ok: false; problem: string };

/** Why a webhook was refused. For the log only: the answer to the sender never says. */
export type VerifyFailure =
  | "id_invalid"
  | "timestamp_invalid"
  | "timestamp_out_of_tolerance"
  | "signature_missing"
  | "signature_mismatch";

export type VerifyResult = { ok: true } | { ok: false; reason: VerifyFailure };

function parseSecret(secret: string): Buffer | string {
  if (secret.length < SECRET_MIN_CHARS) return `must have at least ${SECRET_MIN_CHARS} characters in each secret`;
  if (!secret.startsWith(SECRET_PREFIX)) return Buffer.from(secret, "utf8");
  const encoded = secret.slice(SECRET_PREFIX.length);
  if (!BASE64.test(encoded)) return `has a ${SECRET_PREFIX} secret that is not base64`;
  return Buffer.from(encoded, "base64");
}

/** Reads `CHAT_WEBHOOK_SECRET`: keys in order, the first of which signs. */
export function parseWebhookSecrets(text: string): SecretsResult {
  const parsed = text.split(/\s+/).filter(Boolean).map(parseSecret);
  const problem = parsed.find((item) => typeof item === "string");
  if (typeof problem === "string") return { ok: false, problem };
  if (parsed.length === 0) return { ok: false, problem: "holds no secret" };
  return { ok: true, keys: parsed.filter((item) => typeof item !== "string").map((bytes) => createSecretKey(bytes)) };
}

/** The keys of a configuration value that was validated at start. */
export function webhookKeys(text: string): KeyObject[] {
  const parsed = parseWebhookSecrets(text);
  if (!parsed.ok) throw new Error(`webhook secret ${parsed.problem}`);
  return parsed.keys;
}

function digest(key: WebhookKey, id: string, timestamp: string, body: Uint8Array): string {
  return createHmac("sha256", key).update(`${id}.${timestamp}.`, "utf8").update(body).digest("base64");
}

/** The value of `webhook-signature`: `v1,<base64 HMAC-SHA256 over "{id}.{timestamp}.{body}">`. */
export function signWebhook(key: WebhookKey, id: string, timestampSeconds: number, body: Uint8Array): string {
  return `v1,${digest(key, id, String(timestampSeconds), body)}`;
}

function equal(left: string, right: string): boolean {
  const a = Buffer.from(left, "utf8");
  const b = Buffer.from(right, "utf8");
  return a.length === b.length && timingSafeEqual(a, b);
}

function matches(keys: WebhookKey[], candidates: string[], id: string, timestamp: string, body: Uint8Array): boolean {
  let found = false;
  for (const key of keys) {
    const expected = `v1,${digest(key, id, timestamp, body)}`;
    // No early exit: the time must not tell which key or which signature matched.
    for (const candidate of candidates) found = equal(candidate, expected) || found;
  }
  return found;
}

/**
 * Verifies a webhook over its exact bytes and in constant time. The published npm verifier decodes the body to a
 * string first, so that two different bodies can verify, and accepts junk behind the timestamp; hence our own.
 */
export function verifyWebhook(
  keys: WebhookKey[],
  headers: WebhookHeaders,
  body: Uint8Array,
  options: { nowMs: number; toleranceMs: number },
): VerifyResult {
  const { id, timestamp, signature } = headers;
  if (id === undefined || !/^[A-Za-z0-9_-]{1,64}$/.test(id)) return { ok: false, reason: "id_invalid" };
  if (timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return { ok: false, reason: "timestamp_invalid" };
  if (Math.abs(options.nowMs - Number(timestamp) * 1_000) > options.toleranceMs) {
    return { ok: false, reason: "timestamp_out_of_tolerance" };
  }
  const candidates = (signature ?? "").split(" ").slice(0, MAX_SIGNATURES);
  if (signature === undefined || signature === "") return { ok: false, reason: "signature_missing" };
  return matches(keys, candidates, id, timestamp, body) ? { ok: true } : { ok: false, reason: "signature_mismatch" };
}
