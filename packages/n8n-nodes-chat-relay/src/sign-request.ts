import { randomUUID } from "node:crypto";
import type { ICredentialDataDecryptedObject, IHttpRequestOptions } from "n8n-workflow";
import { textOf } from "./text-of.ts";
import { parseWebhookSecrets } from "./webhook-secrets.ts";
import { signWebhook } from "./webhook-signature.ts";

function signingKey(credentials: ICredentialDataDecryptedObject): Buffer {
  const secrets = parseWebhookSecrets(textOf(credentials["webhookSecret"]));
  if (!secrets.ok) throw new Error(`The webhook secret ${secrets.problem}`);
  return secrets.keys[0];
}

/**
 * Signs a request to the receiver. Its body is turned into the text that goes out, since the signature is over bytes. A
 * request that is made again is signed again, with the time of then.
 */
export async function signRequest(
  credentials: ICredentialDataDecryptedObject,
  request: IHttpRequestOptions,
): Promise<IHttpRequestOptions> {
  const body = typeof request.body === "string" ? request.body : JSON.stringify(request.body ?? {});
  const id = textOf(request.headers?.["webhook-id"]) || randomUUID();
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = signWebhook(signingKey(credentials), id, timestamp, Buffer.from(body, "utf8"));
  const headers = {
    ...request.headers,
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signature,
  };
  return { ...request, body, headers };
}
