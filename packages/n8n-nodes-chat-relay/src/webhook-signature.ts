import { createHmac, timingSafeEqual } from "node:crypto";

const TOLERANCE_MS = 300_000;
const MAX_SIGNATURES = 32;
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const TIMESTAMP = /^\d{1,12}$/;

/** What a signer puts beside a body, after Standard Webhooks. */
export interface SignatureHeaders {
  id: string | undefined;
  timestamp: string | undefined;
  signature: string | undefined;
}

/** Why a webhook was refused. For n8n's log only: the answer to the sender never says. */
export type Refusal =
  | "id_invalid"
  | "timestamp_invalid"
  | "timestamp_out_of_tolerance"
  | "signature_missing"
  | "signature_mismatch";

export type Verification = { ok: true; id: string; timestamp: string } | { ok: false; reason: Refusal };

/** The value of `webhook-signature`: `v1,<base64 HMAC-SHA256 over "{id}.{timestamp}.{body}">`. */
export function signWebhook(key: Buffer, id: string, timestamp: string, body: Uint8Array): string {
  const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`, "utf8").update(body);
  return `v1,${hmac.digest("base64")}`;
}

function equal(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left, "utf8"), Buffer.from(right, "utf8")];
  return a.length === b.length && timingSafeEqual(a, b);
}

function matches(expected: string[], candidates: string[]): boolean {
  let found = false;
  for (const signature of expected) {
    // No early exit: the time must not tell which key or which signature matched.
    for (const candidate of candidates) found = equal(candidate, signature) || found;
  }
  return found;
}

/** Verifies a webhook over its exact bytes and in constant time; its timestamp may be 300 seconds away. */
export function verifyWebhook(
  keys: Buffer[],
  headers: SignatureHeaders,
  body: Uint8Array,
  nowMs: number,
): Verification {
  const { id, timestamp, signature } = headers;
  if (id === undefined || !ID.test(id)) return { ok: false, reason: "id_invalid" };
  if (timestamp === undefined || !TIMESTAMP.test(timestamp)) return { ok: false, reason: "timestamp_invalid" };
  if (Math.abs(nowMs - Number(timestamp) * 1_000) > TOLERANCE_MS) {
    return { ok: false, reason: "timestamp_out_of_tolerance" };
  }
  if (signature === undefined || signature === "") return { ok: false, reason: "signature_missing" };
  const expected = keys.map((key) => signWebhook(key, id, timestamp, body));
  const candidates = signature.split(" ").slice(0, MAX_SIGNATURES);
  return matches(expected, candidates) ? { ok: true, id, timestamp } : { ok: false, reason: "signature_mismatch" };
}
