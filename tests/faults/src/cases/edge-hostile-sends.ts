import { TEXT_CANARY } from "../rig/product-env.ts";
import type { RawRequest } from "../rig/raw-http.ts";

/** A request as no page of ours would send it. */
export interface HostileSend {
  body: string | Buffer | ((sessionId: string) => string | Buffer);
  headers?: RawRequest["headers"];
  /** One of these; what was taken is a message like any other. */
  statuses: readonly number[];
}

const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);

/** A send that is well but for more fields. */
export function sendWith(fields: string): (sessionId: string) => string {
  return (sessionId) => `{"sessionId":"${sessionId}","content":"odd ${TEXT_CANARY}"${fields}}`;
}

const typed = (type: string | readonly string[] | undefined, ...statuses: number[]): HostileSend => ({
  body: sendWith(""),
  headers: { "content-type": type },
  statuses,
});
const refused = (body: HostileSend["body"], status = 400): HostileSend => ({ body, statuses: [status] });

/** Sent as messages, and but for the types as requests for a session too. */
export const HOSTILE_SENDS: Record<string, HostileSend> = {
  "1 MiB": refused(sendWith(`,"x":"${"x".repeat(1_024 * 1_024)}"`), 413),
  "arrays 10,000 deep": refused(sendWith(`,"metadata":{"a":${nested("[", "]", 10_000)}}`)),
  "objects 10,000 deep": refused(sendWith(`,"metadata":${nested('{"a":', "}", 10_000).replace("}", "1}")}`)),
  "nothing but brackets": refused("[".repeat(60_000)),
  "as many fields as there is room for": refused(
    sendWith(Array.from({ length: 5_000 }, (_, index) => `,"x${index}":1`).join("")),
  ),
  "truncated JSON": refused((id) => sendWith("")(id).slice(0, -3)),
  nothing: refused(""),
  null: refused("null"),
  "an array": refused((id) => `[${sendWith("")(id)}]`),
  "fields inherited from __proto__": refused((id) => `{"__proto__":${sendWith("")(id)}}`),
  "__proto__ beside": refused(sendWith(',"__proto__":{"polluted":true}')),
  "__proto__ in metadata": refused(sendWith(',"metadata":{"__proto__":{"polluted":true}}')),
  "an escaped __proto__": refused(sendWith(String.raw`,"\u005f_proto__":{"polluted":true}`)),
  "constructor.prototype": refused(sendWith(',"constructor":{"prototype":{"polluted":true}}')),
  "constructor.prototype in metadata": refused(sendWith(',"metadata":{"constructor":{"prototype":{"polluted":true}}}')),
  "the same key twice": { body: sendWith(',"content":"the last one"'), statuses: [202, 400] },
  "another's session, and then one's own": {
    body: (id) => `{"sessionId":"01a204da-05d2-7348-8179-58e517fc07b1",${sendWith("")(id).slice(1)}`,
    statuses: [202, 403],
  },
  "an endless number": refused(sendWith(',"metadata":{"a":1e400}')),
  "no UTF-8": refused((id) =>
    Buffer.concat([Buffer.from(sendWith("")(id).slice(0, -2)), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
  ),
  "UTF-16": refused((id) => Buffer.from(sendWith("")(id), "utf16le")),
  "a byte order mark": { body: (id) => `\uFEFF${sendWith("")(id)}`, statuses: [202, 400] },
  "content of another kind": refused((id) => `{"sessionId":"${id}","content":{"$ne":null}}`),
  "a session of another kind": { body: '{"sessionId":["a"],"content":"x"}', statuses: [400, 403] },
  "compressed, it says": { body: sendWith(""), headers: { "content-encoding": "gzip" }, statuses: [202, 400, 415] },
  "another key in header and body": {
    body: sendWith(',"clientMessageId":"a"'),
    headers: { "idempotency-key": "b" },
    statuses: [400],
  },
  "a key of 65": { body: sendWith(""), headers: { "idempotency-key": "k".repeat(65) }, statuses: [400] },
  "a key beyond ASCII": { body: sendWith(""), headers: { "idempotency-key": "k\u00e9" }, statuses: [400] },
  "two keys": { body: sendWith(""), headers: { "idempotency-key": ["a", "b"] }, statuses: [202, 400] },
  "text/plain": typed("text/plain", 415),
  "application/jsonp": typed("application/jsonp", 415),
  "a form": typed("application/x-www-form-urlencoded", 415),
  "no type": typed(undefined, 415),
  "two types": typed(["application/json", "text/plain"], 202, 415),
  "application/json with a tab": typed("application/json\t;", 202, 415),
  "application/json with a tab and no parameter": typed("application/json\t", 202, 415),
};

/** Asked for with GET; `own` is the visitor's session. */
export const ODD_PATHS = [
  "/api/chat/messages/%00",
  "/api/chat/messages/%ED%A0%80",
  "/api/chat/messages/%zz",
  "/api/chat/messages/..%2f..%2fadmin%2fqueue",
  "/api/chat/messages/own?limit=0x10",
  "/api/chat/messages/own?limit=%00",
  "/api/chat/messages/own?limit=5&limit=6",
  "/api/chat/messages/own?before=%00",
  "/api/chat/messages/own?before=a&after=b",
  "/api/chat/messages/own?__proto__=1",
  "/api/chat/messages/own?before[a]=1",
  `/api/chat/messages/own?after=${"9".repeat(5_000)}`,
  "/api/chat/session?sessionId=%00",
  "/api/chat/session?constructor=1",
];
