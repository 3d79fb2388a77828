import { signWebhook } from "@chat-relay/core/webhook-signature";
import { CALLBACK_PATH } from "../rig/callback-client.ts";
import { WEBHOOK_SECRET } from "../rig/product-env.ts";
import type { RawRequest } from "../rig/raw-http.ts";

/** A callback's request as its sender would send it. */
export type SignedRequest = RawRequest & { headers: Record<string, string> };

/** Spoils a callback. */
export type Forgery = (signed: SignedRequest) => RawRequest;

const SIGNATURE = "webhook-signature";

const header =
  (name: string, value: string | readonly string[] | undefined): Forgery =>
  (request) => ({ ...request, headers: { ...request.headers, [name]: value } });
const signature =
  (change: (value: string) => string | readonly string[]): Forgery =>
  (request) =>
    header(SIGNATURE, change(request.headers[SIGNATURE] ?? ""))(request);
const body =
  (change: (bytes: Buffer) => Buffer): Forgery =>
  (request) => ({ ...request, body: change(Buffer.from(request.body ?? "")) });
const text = (change: (json: string) => string) => body((bytes) => Buffer.from(change(bytes.toString())));
const signedBy = (key: Buffer) => (request: SignedRequest) =>
  header(
    SIGNATURE,
    signWebhook(
      key,
      request.headers["webhook-id"] ?? "",
      Number(request.headers["webhook-timestamp"]),
      Buffer.from(request.body ?? ""),
    ),
  )(request);
const twice =
  (name: string, other: string): Forgery =>
  (request) =>
    header(name, [request.headers[name] ?? "", other])(request);

/** What a forger may try. */
export const FORGERIES: Record<string, Forgery> = {
  "another key": signedBy(Buffer.from("another-secret-altogether")),
  "an empty key": signedBy(Buffer.alloc(0)),
  "the secret's text for a key": signedBy(Buffer.from(WEBHOOK_SECRET)),
  "another id": header("webhook-id", "another"),
  "no id": header("webhook-id", undefined),
  "an id with what JavaScript calls a line's end": header("webhook-id", "a\u2028b"),
  "an id in a list": (request) => header("webhook-id", `${request.headers["webhook-id"] ?? ""}, x`)(request),
  "an id under another name": (request) => ({
    ...request,
    headers: { ...request.headers, "webhook-id": undefined, webhook_id: request.headers["webhook-id"] },
  }),
  "another time": (request) =>
    header("webhook-timestamp", String(Number(request.headers["webhook-timestamp"]) + 1))(request),
  "no time": header("webhook-timestamp", undefined),
  "a time with a sign": (request) =>
    header("webhook-timestamp", `+${request.headers["webhook-timestamp"] ?? ""}`)(request),
  "a time with a fraction": (request) =>
    header("webhook-timestamp", `${request.headers["webhook-timestamp"] ?? ""}.0`)(request),
  "a time in hexadecimal": (request) =>
    header("webhook-timestamp", `0x${Number(request.headers["webhook-timestamp"]).toString(16)}`)(request),
  "an endless time": header("webhook-timestamp", "9".repeat(400)),
  "a time that is none": header("webhook-timestamp", "NaN"),
  "a byte more": body((bytes) => Buffer.concat([bytes, Buffer.from(" ")])),
  "a byte less": body((bytes) => bytes.subarray(0, -1)),
  "a bit turned over": body((bytes) => Buffer.from(bytes.map((byte, index) => (index === 20 ? byte ^ 1 : byte)))),
  "no body": body(() => Buffer.alloc(0)),
  "a truncated signature": signature((value) => value.slice(0, -4)),
  "no signature": signature(() => []),
  "an empty signature": signature(() => ""),
  "a version and no signature": signature(() => "v1,"),
  "10,000 signatures": signature((value) => `${"v1,AAAA ".repeat(10_000)}${value}`),
  "1,000 signatures": signature((value) => `${"v1,AAAA ".repeat(1_000)}${value}`),
  "v1a only": signature((value) => value.replace("v1,", "v1a,")),
  "v2 only": signature((value) => value.replace("v1,", "v2,")),
  "no padding": signature((value) => value.replace(/=+$/, "")),
  "too much padding": signature((value) => `${value}=`),
  base64url: signature((value) => `${value.replaceAll("+", "-").replaceAll("/", "_")} v1,-_`.replace(/^v1,/, "v1,-")),
  "white space in the signature": signature((value) => value.replace("v1,", "v1, ")),
  "a tab between signatures": signature((value) => `v1,AAAA\t${value}`),
  "a comma between signatures": signature((value) => `${value},v1,AAAA`),
  "the id twice": twice("webhook-id", "another"),
  "the same id twice": (request) => twice("webhook-id", request.headers["webhook-id"] ?? "")(request),
  "the time twice": twice("webhook-timestamp", "1"),
  "the signature twice": twice(SIGNATURE, "v1,AAAA"),
  "signatures in a header each, the right one first": (request) =>
    twice(SIGNATURE, request.headers[SIGNATURE] ?? "")(request),
  "a header within a header": (request) =>
    header("webhook-id", `x\r\nwebhook-id: ${request.headers["webhook-id"] ?? ""}`)(request),
  "a signature in the query": (request) =>
    header(
      SIGNATURE,
      undefined,
    )({
      ...request,
      path: `${CALLBACK_PATH}?webhook-signature=${encodeURIComponent(request.headers[SIGNATURE] ?? "")}`,
    }),
  "a token in its place": (request) => ({
    ...request,
    headers: { ...request.headers, [SIGNATURE]: undefined, authorization: `Bearer ${WEBHOOK_SECRET.slice(0, 3)}` },
  }),
  "another content type": (request) =>
    signature((value) => value.slice(0, -4))({
      ...request,
      headers: { ...request.headers, "content-type": "text/plain" },
    }),
};

/** The same JSON in other bytes. */
export const OTHER_BYTES: Record<string, Forgery> = {
  "another spacing": text((json) => JSON.stringify(JSON.parse(json), null, 1)),
  "white space in front": text((json) => ` ${json}`),
  "a line's end behind": text((json) => `${json}\n`),
  "a byte order mark": body((bytes) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes])),
  "another order of keys": text((json) =>
    JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(json) as object).toReversed())),
  ),
  "escapes for characters": text((json) => json.replace('"content"', String.raw`"c\u006fntent"`)),
  "an escaped slash": text((json) => json.replaceAll("/", String.raw`\/`)),
  "0xFF for 0xFE": body((bytes) => Buffer.from(bytes.map((byte) => (byte === 0xfe ? 0xff : byte)))),
  "U+FFFD for what is no UTF-8": text((json) => json),
  "UTF-16": body((bytes) => Buffer.from(bytes.toString("utf8"), "utf16le")),
};

/** Requests that Node itself refuses: a header folded over two lines, one with a space before its colon, and such. */
export const UNREADABLE: Record<string, (bytes: string) => string> = {
  "a folded header": (bytes) => bytes.replace("webhook-id: ", "webhook-id: a\r\n "),
  "a space before the colon": (bytes) => bytes.replace("webhook-id: ", "webhook-id : "),
  "NUL in a header": (bytes) => bytes.replace("webhook-id: ", "webhook-id: \u0000"),
  "a carriage return in a header": (bytes) => bytes.replace("webhook-id: ", "webhook-id: a\rb"),
  "two lengths": (bytes) => bytes.replace("content-length: ", "content-length: 1\r\ncontent-length: "),
  "a length and chunks": (bytes) => bytes.replace("content-length: ", "transfer-encoding: chunked\r\ncontent-length: "),
};
