import { z } from "zod";
import * as field from "./config-fields.ts";
import { parseWebhookSecrets } from "./webhook-signature.ts";

const DAY_MS = 24 * 3_600_000;
const YEAR_MS = 365 * DAY_MS;
const KIB = 1_024;
const MIB = 1_024 * KIB;

const services = (variable: string, description: string) => ({ section: "Services", variable, description });
const links = (variable: string, description: string) => ({ section: "Links", variable, description });
const secrets = (variable: string, description: string) => ({ section: "Secrets", variable, description });
const edge = (variable: string, description: string) => ({
  section: "Browsers and limits at the edge",
  variable,
  description,
});
const sizes = (variable: string, description: string) => ({ section: "Sizes", variable, description });
const delivery = (variable: string, description: string) => ({ section: "Delivery to n8n", variable, description });
const sessions = (variable: string, description: string) => ({ section: "Sessions", variable, description });
const stores = (variable: string, description: string) => ({ section: "PostgreSQL and NATS", variable, description });

const DEV = "generated or embedded by `npm start` and `npm run dev`; required elsewhere";

/** One secret or several, the first of which signs. Values never appear in a problem. */
const webhookSecret = field
  .secret({
    ...secrets(
      "CHAT_WEBHOOK_SECRET",
      "HMAC secret of the webhooks and callbacks. Several, separated by spaces, during rotation: the first signs, all verify. `whsec_<base64>` is the decoded key; anything else is taken as its UTF-8 bytes.",
    ),
    defaultText: DEV,
    allowed: "at least 16 characters each, separated by spaces",
  })
  .superRefine((text, context) => {
    const parsed = parseWebhookSecrets(text);
    if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.problem });
  });

/**
 * Every limit, timeout, name and default of chat-relay, each overridable by the one environment variable that its
 * description names. Parsed once per process at start. Durations are milliseconds, sizes bytes.
 */
// oxfmt-ignore
export const CHAT_CONFIG = z.object({
  host: field.text("127.0.0.1", services("CHAT_HOST", "Address that the services listen on. Containers set `0.0.0.0`.")),
  gatewayPort: field.port(3000, services("CHAT_GATEWAY_PORT", "Port of the gateway: public, for browsers.")),
  receiverPort: field.port(3001, services("CHAT_RECEIVER_PORT", "Port of the receiver: public, for n8n.")),
  dispatcherPort: field.port(3002, services("CHAT_DISPATCHER_PORT", "Port of the dispatcher: health and metrics only.")),
  sampleBotPort: field.port(3003, services("CHAT_SAMPLE_BOT_PORT", "Port of the sample bot that `npm start` runs when no n8n is set.")),
  dataDir: field.text(".chat-relay", services("CHAT_DATA_DIR", "Folder for embedded PostgreSQL and NATS data and the generated secret; relative to the repo's root.")),
  logLevel: field.oneOf(["fatal", "error", "warn", "info", "debug", "trace", "silent"], "info", services("LOG_LEVEL", "pino's level.")),
  shutdownGraceMs: field.duration(8_000, services("CHAT_SHUTDOWN_GRACE_MS", "How long a stopping service waits for work under way before it hands it back."), 100, 600_000),
  shutdownDrainMs: field.duration(1_000, services("CHAT_SHUTDOWN_DRAIN_MS", "How long a stopping service goes on answering, `/readyz` with 503, so that load balancers look elsewhere."), 100, 600_000),
  requestTimeoutMs: field.duration(10_000, services("CHAT_REQUEST_TIMEOUT_MS", "How long a client may take to send a whole request, headers and body."), 100, 600_000),

  n8nWebhookUrl: field.url({ ...links("CHAT_N8N_WEBHOOK_URL", "Where messages go: the webhook or chat trigger of an n8n workflow. No user info."), defaultText: DEV }, ["http:", "https:"]),
  callbackUrl: field.optional(field.url({ ...links("CHAT_CALLBACK_URL", "Told to n8n in each webhook: where it sends callbacks."), defaultText: "`http://127.0.0.1:<receiver port>/api/chat/webhook`" }, ["http:", "https:"])),
  databaseUrl: field.url({ ...links("DATABASE_URL", "PostgreSQL 15 or newer."), defaultText: DEV, secret: true }, ["postgres:", "postgresql:"], { userInfo: true }),
  natsUrl: field.urlList({ ...links("NATS_URL", "NATS with JetStream, server 2.12 or newer; comma-separated for a cluster."), defaultText: DEV, secret: true }, ["nats:", "tls:"]),

  webhookSecret,
  identitySecret: field.optional(field.key(secrets("CHAT_IDENTITY_SECRET", "HS256 key of the `userToken` that the host site signs. Without it, `userId` is an unproven label."))),
  adminToken: field.optional(field.bearerToken(secrets("CHAT_ADMIN_TOKEN", "Bearer token of the operator API. Without it, its routes answer 404."))),
  signatureToleranceMs: field.duration(300_000, secrets("CHAT_SIGNATURE_TOLERANCE_MS", "How far a callback's timestamp may be from now, either way.")),

  allowedOrigins: field.originList(edge("CHAT_ALLOWED_ORIGINS", "Origins that browsers may call from (CORS). The gateway's own always works.")),
  trustedProxies: field.cidrList(edge("CHAT_TRUSTED_PROXIES", "Proxies whose `X-Forwarded-For` is believed.")),
  rateLimitDisabled: field.flag(edge("CHAT_RATE_LIMIT_DISABLED", "Turns all rate limits off.")),
  rateLimitMessages: field.rateLimit(10, 60, edge("CHAT_RATE_LIMIT_MESSAGES", "Messages per session.")),
  rateLimitSessions: field.rateLimit(3, 300, edge("CHAT_RATE_LIMIT_SESSIONS", "New sessions per client address (IPv6: per /64).")),
  rateLimitWebhooks: field.rateLimit(60, 60, edge("CHAT_RATE_LIMIT_WEBHOOKS", "Callbacks per session, and refused callbacks and history requests per client address.")),
  rateLimitPieces: field.rateLimit(1_200, 60, edge("CHAT_RATE_LIMIT_PIECES", "Pieces of replies (`chat.reply.delta` callbacks) per session, counted by each receiver for itself.")),
  streamHeartbeatMs: field.duration(15_000, edge("CHAT_STREAM_HEARTBEAT_MS", "How often a live stream that has nothing to say says so."), 1_000, 30_000),
  streamBufferMaxBytes: field.integer(MIB, 64 * KIB, 64 * MIB, edge("CHAT_STREAM_BUFFER_MAX_BYTES", "Live events that a reader may leave unread before it is cut off.")),
  streamMaxConnections: field.integer(10_000, 1, 1_000_000, edge("CHAT_STREAM_MAX_CONNECTIONS", "Live streams open at once, per gateway; beyond, 503.")),
  streamMaxPerSession: field.integer(20, 1, 10_000, edge("CHAT_STREAM_MAX_PER_SESSION", "Live streams of one session open at once, per gateway; beyond, 429.")),
  demoPageDisabled: field.flag(edge("CHAT_DEMO_PAGE_DISABLED", "Takes the page with the widget away from `/`; the widget itself stays.")),
  n8nCompat: field.flag(edge("CHAT_N8N_COMPAT", "Serves n8n's own chat widget (`@n8n/chat`) at `POST /api/chat/n8n`. Its session id, which n8n and the logs see too, is all that is needed to read and continue a conversation.")),
  n8nCompatWaitMs: field.duration(300_000, edge("CHAT_N8N_COMPAT_WAIT_MS", "How long n8n's widget is kept waiting for a reply before it is told that it takes longer."), 1_000, 3_600_000),
  pageSize: field.integer(50, 1, 1_000, edge("CHAT_PAGE_SIZE", "Messages or deliveries on a page when the caller names no limit.")),
  pageSizeMax: field.integer(100, 1, 1_000, edge("CHAT_PAGE_SIZE_MAX", "Largest limit that a caller may ask for.")),

  sessionTtlGuestMs: field.duration(DAY_MS, sessions("CHAT_SESSION_TTL_GUEST_MS", "Inactivity after which a guest's session expires; renewed by each accepted message."), 1_000, YEAR_MS),
  sessionTtlUserMs: field.duration(7 * DAY_MS, sessions("CHAT_SESSION_TTL_USER_MS", "The same for a session with a user."), 1_000, YEAR_MS),

  bodyMaxBytes: field.integer(64 * KIB, KIB, MIB, sizes("CHAT_BODY_MAX_BYTES", "Request body at the gateway.")),
  messageMaxChars: field.integer(4_000, 1, 100_000, sizes("CHAT_MESSAGE_MAX_CHARS", "Visitor's message, in Unicode code points.")),
  metadataMaxBytes: field.integer(8_192, 2, 64 * KIB, sizes("CHAT_METADATA_MAX_BYTES", "Metadata as compact JSON.")),
  metadataMaxDepth: field.integer(5, 1, 100, sizes("CHAT_METADATA_MAX_DEPTH", "Nesting of metadata; `{}` is 1, arrays count.")),
  callbackMaxBytes: field.integer(256 * KIB, KIB, 16 * MIB, sizes("CHAT_CALLBACK_MAX_BYTES", "Callback body at the receiver.")),
  responseMaxBytes: field.integer(MIB, KIB, 64 * MIB, sizes("CHAT_RESPONSE_MAX_BYTES", "Body of n8n's answer.")),
  replyMaxBytes: field.integer(256 * KIB, 1, 16 * MIB, sizes("CHAT_REPLY_MAX_BYTES", "One reply in n8n's answer, as UTF-8.")),
  replyMaxCount: field.integer(10_000, 1, 1_000_000, sizes("CHAT_REPLY_MAX_COUNT", "Replies in one answer of n8n.")),

  queueIntervalMs: field.duration(5_000, delivery("CHAT_QUEUE_INTERVAL_MS", "How often the safety-net sweep looks for work that the fast path lost."), 100, 3_600_000),
  queueMaxAttempts: field.integer(3, 1, 100, delivery("CHAT_QUEUE_MAX_ATTEMPTS", "Attempts per message.")),
  queueBackoffMs: field.duration(1_000, delivery("CHAT_QUEUE_BACKOFF_MS", "Delay before the second attempt; doubles each time, ±20 % jitter."), 100, DAY_MS),
  queueBackoffMaxMs: field.duration(60_000, delivery("CHAT_QUEUE_BACKOFF_MAX_MS", "Longest delay between attempts."), 100, DAY_MS),
  retryAfterMinMs: field.duration(1_000, delivery("CHAT_RETRY_AFTER_MIN_MS", "Shortest `Retry-After` of n8n that is honoured as it is."), 100, DAY_MS),
  retryAfterMaxMs: field.duration(3_600_000, delivery("CHAT_RETRY_AFTER_MAX_MS", "Longest `Retry-After` of n8n that is honoured as it is."), 100, DAY_MS),
  dispatchConcurrency: field.integer(32, 1, 10_000, delivery("CHAT_DISPATCH_CONCURRENCY", "Calls to n8n under way at once, per dispatcher.")),
  webhookTimeoutMs: field.duration(120_000, delivery("CHAT_WEBHOOK_TIMEOUT_MS", "Total deadline of one call to n8n, the answer's body included.")),
  piecesPerSecond: field.integer(25, 1, 1_000, delivery("CHAT_PIECES_PER_SECOND", "How often the pieces of one streamed reply are sent on; those that come faster are put together.")),
  webhookConnectTimeoutMs: field.duration(5_000, delivery("CHAT_WEBHOOK_CONNECT_TIMEOUT_MS", "Deadline for a connection to n8n, TLS included; past it n8n counts as unreachable."), 100, 10_000),
  replyTimeoutMs: field.duration(300_000, delivery("CHAT_REPLY_TIMEOUT_MS", "A delivered message without a reply for so long is `unanswered`.")),
  breakerProbeMs: field.duration(500, delivery("CHAT_BREAKER_PROBE_MS", "First interval between probes of an unreachable n8n; doubles each time."), 100, 600_000),
  breakerProbeMaxMs: field.duration(30_000, delivery("CHAT_BREAKER_PROBE_MAX_MS", "Longest interval between probes."), 100, 600_000),
  n8nStartingMaxMs: field.duration(120_000, delivery("CHAT_N8N_STARTING_MAX_MS", "How long an n8n that answers 404 `Cannot POST …`, and nothing else, counts as one that is starting; after that its address is taken to be wrong, and each 404 is a failed attempt."), 100, 3_600_000),
  breakerRampMs: field.duration(1_000, delivery("CHAT_BREAKER_RAMP_MS", "While calls ramp up after an outage, their number doubles at least this often, however slow the answers are."), 100, 600_000),
  outboxMax: field.integer(100_000, 1, 100_000_000, delivery("CHAT_OUTBOX_MAX", "Messages accepted and not yet published, while NATS is away those that wait for an earlier one of their session too; beyond, sends are refused with 503.")),

  databasePoolSize: field.integer(20, 2, 500, stores("CHAT_DATABASE_POOL_SIZE", "PostgreSQL connections per process.")),
  databaseTimeoutMs: field.duration(5_000, stores("CHAT_DATABASE_TIMEOUT_MS", "Deadline for a connection to PostgreSQL, and for one statement."), 100, 10_000),
  ackWaitMs: field.duration(8_000, stores("CHAT_ACK_WAIT_MS", "How long JetStream and the lease wait for a dispatcher that no longer reports before its work is given to another."), 1_000, 25_000),
  publishTimeoutMs: field.duration(5_000, stores("CHAT_PUBLISH_TIMEOUT_MS", "How long a publish waits for JetStream's acknowledgement."), 100, 60_000),
  publishMaxInFlight: field.integer(1_000, 1, 100_000, stores("CHAT_PUBLISH_MAX_IN_FLIGHT", "Publishes under way at once, per process; what is committed beyond them is left to the sweep.")),
  maxAckPending: field.integer(65_536, 100, 10_000_000, stores("CHAT_MAX_ACK_PENDING", "Messages that JetStream lets wait for an acknowledgement; those that wait out a retry delay count.")),
  streamMaxAgeMs: field.duration(7 * DAY_MS, stores("CHAT_STREAM_MAX_AGE_MS", "How long events stay in the stream."), 60_000, YEAR_MS),
  streamMaxBytes: field.integer(1_024 * MIB, MIB, 1_000_000 * MIB, stores("CHAT_STREAM_MAX_BYTES", "Size of the stream; the oldest events go first.")),
  streamMessageMaxBytes: field.integer(900 * KIB, 64 * KIB, 64 * MIB, stores("CHAT_STREAM_MESSAGE_MAX_BYTES", "Largest event, headers included; a larger one is published without its text. Keep it below the server's `max_payload`.")),
  liveMaxAgeMs: field.duration(900_000, stores("CHAT_LIVE_MAX_AGE_MS", "How long pieces of a reply under way stay in the live log, should nobody take them out."), 60_000, DAY_MS),
  liveMaxBytes: field.integer(32 * MIB, MIB, 100_000 * MIB, stores("CHAT_LIVE_MAX_BYTES", "Size of the live log, in the NATS server's memory; the oldest pieces go first.")),
  streamReplicas: field.integer(1, 1, 5, stores("CHAT_STREAM_REPLICAS", "Copies of the stream in a NATS cluster.")),
});

type Parsed = z.output<typeof CHAT_CONFIG>;

/** The parsed configuration of a process. */
export type ChatConfig = Readonly<Omit<Parsed, "callbackUrl"> & { callbackUrl: string }>;

export interface ConfigProblem {
  variable: string;
  problem: string;
  allowed: string;
}

export type ConfigResult = { ok: true; config: ChatConfig } | { ok: false; problems: ConfigProblem[] };

type FieldName = keyof typeof CHAT_CONFIG.shape;

/** The description of a field: variable, meaning, what is allowed. */
export function configField(name: FieldName): field.FieldDoc {
  const doc = field.fieldDocs.get(CHAT_CONFIG.shape[name]);
  if (doc === undefined) throw new Error(`config field ${name} has no description`);
  return doc;
}

export function configFieldNames(): FieldName[] {
  return Object.keys(CHAT_CONFIG.shape) as FieldName[];
}

function readVariables(env: Record<string, string | undefined>): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of configFieldNames()) {
    const value = env[configField(name).variable]?.trim();
    if (value !== undefined && value !== "") values[name] = value;
  }
  return values;
}

function toProblem(issue: z.core.$ZodIssue, given: Record<string, string>): ConfigProblem {
  const name = String(issue.path[0]) as FieldName;
  const { variable, allowed } = configField(name);
  const missing = given[name] === undefined;
  return { variable, problem: missing ? "is required and not set" : issue.message, allowed };
}

function crossFieldProblems(config: Parsed): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const atMost = (low: FieldName, high: FieldName) => {
    if (Number(config[low]) <= Number(config[high])) return;
    const max = configField(high).variable;
    problems.push({ variable: configField(low).variable, problem: `is larger than ${max}`, allowed: `at most ${max}` });
  };
  atMost("retryAfterMinMs", "retryAfterMaxMs");
  atMost("breakerProbeMs", "breakerProbeMaxMs");
  atMost("pageSize", "pageSizeMax");
  atMost("replyMaxBytes", "responseMaxBytes");
  return problems;
}

/** Parses the environment; on failure lists every problem, never a value. An empty variable counts as unset. */
export function parseConfig(env: Record<string, string | undefined>): ConfigResult {
  const given = readVariables(env);
  const result = CHAT_CONFIG.safeParse(given);
  if (!result.success) {
    return { ok: false, problems: result.error.issues.map((issue) => toProblem(issue, given)) };
  }
  const problems = crossFieldProblems(result.data);
  if (problems.length > 0) return { ok: false, problems };
  const callbackUrl = result.data.callbackUrl ?? `http://127.0.0.1:${result.data.receiverPort}/api/chat/webhook`;
  return { ok: true, config: { ...result.data, callbackUrl } };
}

/** The problems as lines for a terminal. */
export function formatConfigProblems(problems: ConfigProblem[]): string {
  const lines = problems.map(({ variable, problem, allowed }) => {
    return `  ${variable} ${problem}${problem.includes(allowed) ? "" : ` (allowed: ${allowed})`}`;
  });
  return ["Configuration is not valid:", ...lines].join("\n");
}

/** The configuration for a log line: secrets only as whether they are set. */
export function summarizeConfig(config: ChatConfig): Record<string, unknown> {
  const entries = configFieldNames().map((name): [string, unknown] => {
    const isSecret = configField(name).secret === true;
    return isSecret ? [`${name}Configured`, config[name] !== undefined] : [name, config[name]];
  });
  return Object.fromEntries(entries);
}
