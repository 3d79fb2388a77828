import { verifyWebhook, webhookKeys } from "@chat-relay/core/webhook-signature";
import { expect, test } from "vitest";
import { signRequest } from "./sign-request.ts";

const SECRETS = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw another-secret-of-many-characters";
const REQUEST = {
  url: "http://receiver",
  headers: { "webhook-id": "n8n_1", other: "kept" },
  body: { content: "Grüße 👋" },
};

function verified(request: { body?: unknown; headers?: Record<string, unknown> }, secrets: string) {
  const header = (name: string) => String(request.headers?.[name]);
  return verifyWebhook(
    webhookKeys(secrets),
    { id: header("webhook-id"), timestamp: header("webhook-timestamp"), signature: header("webhook-signature") },
    Buffer.from(String(request.body), "utf8"),
    { nowMs: Date.now(), toleranceMs: 10_000 },
  );
}

test("what is signed is verified by chat-relay, with the first of several secrets", async () => {
  const signed = await signRequest({ webhookSecret: SECRETS }, REQUEST);
  expect(signed.body).toBe('{"content":"Grüße 👋"}');
  expect(signed.headers).toMatchObject({ "webhook-id": "n8n_1", other: "kept", "content-type": "application/json" });
  const [first = "", second = ""] = SECRETS.split(" ");
  expect(verified(signed, first)).toEqual({ ok: true });
  expect(verified(signed, second)).toEqual({ ok: false, reason: "signature_mismatch" });
});

test("a request without an id, such as n8n's test of the credential, gets one", async () => {
  const signed = await signRequest({ webhookSecret: SECRETS }, { url: "http://receiver", body: {} });
  expect(signed.body).toBe("{}");
  expect(verified(signed, SECRETS)).toEqual({ ok: true });
});

test("without a secret nothing is sent", async () => {
  await expect(signRequest({ webhookSecret: "short" }, REQUEST)).rejects.toThrow(
    "The webhook secret needs at least 16",
  );
});
