import type { Edit } from "./edits.ts";

const AUTHENTICATE = "apps/receiver/src/authenticate-callback.ts";
const HTTP_APP = "packages/service/src/http-app.ts";
const RATE_LIMITER = "packages/database/src/rate-limiter.ts";
const RECORD_REPLY = "packages/database/src/record-reply.ts";
const SIGNATURE = "packages/core/src/webhook-signature.ts";
const VERIFIED = "if (verified.ok && headers.id !== undefined) return";

/** Guards against what comes from outside. */
export const INPUT_CONTROLS = {
  "callbacks unverified": [{ file: AUTHENTICATE, from: VERIFIED, to: "if (headers.id !== undefined) return" }],
  "callbacks verified as text": [
    {
      file: SIGNATURE,
      from: '"utf8").update(body).digest',
      to: '"utf8").update(Buffer.from(body).toString("utf8")).digest',
    },
  ],
  "a signature's time ignored": [{ file: SIGNATURE, from: "> options.toleranceMs)", to: "> Infinity)" }],
  "the first secret alone verifies": [
    { file: SIGNATURE, from: "  return parsed.keys;", to: "  return parsed.keys.slice(0, 1);" },
  ],
  "valid callbacks limited by address": [
    {
      file: AUTHENTICATE,
      from: VERIFIED,
      to: "const over = verified.ok && (await countRefusal(limiter, address))?.allowed === false;\n    if (verified.ok && headers.id !== undefined && !over) return",
    },
  ],
  "replies to sessions that are over refused": [
    {
      file: RECORD_REPLY,
      from: "AND a.is_admitted AND a.fits",
      to: "AND a.is_admitted AND a.fits AND s.ended_at IS NULL AND s.expires_at > now()",
    },
  ],
  "a reply leaves its message queued": [
    {
      file: RECORD_REPLY,
      from: "AND status = 'queued' AND answered_at IS NOT NULL",
      to: "AND status = 'queued' AND answered_at IS NULL",
    },
    {
      file: "apps/dispatcher/src/deliver-message.ts",
      from: "  if (claim.answered) return",
      to: "  if (claim.answered && claim.lease === null) return",
    },
    {
      file: "packages/database/src/settle-delivery.ts",
      from: "CASE WHEN q.answered_at IS NULL THEN given.status ELSE 'answered' END AS new_status",
      to: "given.status AS new_status",
    },
  ],
  // Together with the unique keys, which refuse what these would overlook.
  "repeats are not looked for": [
    {
      file: "packages/database/src/accept-message.ts",
      from: "earlier.id IS NOT NULL AS is_repeat",
      to: "false AS is_repeat",
    },
    { file: RECORD_REPLY, from: "earlier.id IS NULL AS is_new, earlier.id AS", to: "true AS is_new, NULL::uuid AS" },
  ],
  "text stored as it comes": [
    {
      file: "packages/core/src/api-schemas.ts",
      from: '"must not be empty").transform(toStorable)',
      to: '"must not be empty")',
    },
  ],
  "malformed JSON uncaught": [
    {
      file: "apps/receiver/src/signed-json.ts",
      from: 'throw new ChatError("malformed_json", "The body is not valid JSON in UTF-8");',
      to: 'throw new Error("malformed");',
    },
  ],
  "__proto__ let through": [
    {
      file: "apps/gateway/src/edge/json-body.ts",
      from: "secureJson.parse(decoder.decode(bytes))",
      to: "JSON.parse(decoder.decode(bytes))",
    },
  ],
  "visitors' text stored as it comes": [
    {
      file: "packages/core/src/text.ts",
      from: 'return !text.includes("\\u0000") && text.isWellFormed();',
      to: "return text.length >= 0;",
    },
  ],
  "a token opens every session": [
    {
      file: "apps/gateway/src/edge/session-guard.ts",
      from: "(id) => id !== request.chatSession?.sessionId",
      to: "(id) => id === undefined",
    },
  ],
  "every origin allowed": [
    {
      file: "apps/gateway/src/edge/cross-origin.ts",
      from: "allowed.has(origin) ? origin",
      to: "(allowed.has(origin) || origin.includes('shop')) ? origin",
    },
  ],
  "every proxy trusted": [
    {
      file: HTTP_APP,
      from: "options.trustedProxies.length > 0 ? options.trustedProxies : false,",
      to: "options.trustedProxies.length >= 0 ? true : false,",
    },
  ],
  "each IPv6 address for itself": [
    {
      file: "packages/core/src/client-address.ts",
      from: "const IPV6_PREFIX_PARTS = 4;",
      to: "const IPV6_PREFIX_PARTS = 8;",
    },
  ],
  "limits counted per process": [
    { file: RATE_LIMITER, from: "    keyPrefix: policy,", to: "    keyPrefix: `${policy}-${process.pid}`," },
  ],
  "requests without a time limit": [
    { file: HTTP_APP, from: "requestTimeout: options.requestTimeoutMs,", to: "requestTimeout: 0," },
    { file: HTTP_APP, from: "http: { headersTimeout: options.requestTimeoutMs,", to: "http: { headersTimeout: 0," },
  ],
  "no outbox cap": [
    {
      file: "apps/gateway/src/outbox-gauge.ts",
      from: "this.#counted + this.#since >= this.#options.max;",
      to: "this.#counted + this.#since >= Infinity;",
    },
  ],
  "URLs logged": [{ file: HTTP_APP, from: 'route: request.routeOptions.url ?? "none",', to: "route: request.url," }],
} satisfies Record<string, Edit[]>;
