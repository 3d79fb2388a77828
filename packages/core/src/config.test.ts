import { describe, expect, test } from "vitest";
import {
  configField,
  configFieldNames,
  formatConfigProblems,
  parseConfig,
  summarizeConfig,
  type ChatConfig,
  type ConfigProblem,
} from "./config.ts";

const DATABASE_URL = "postgres://chat:pg-password@db.example/chat";
const NATS_URL = "nats://chat:nats-password@nats.example:4222";
const REQUIRED = {
  CHAT_WEBHOOK_SECRET: "a-secret-of-the-webhooks",
  CHAT_N8N_WEBHOOK_URL: "https://n8n.example/webhook/chat",
  DATABASE_URL,
  NATS_URL,
};

function configOf(env: Record<string, string> = {}): ChatConfig {
  const result = parseConfig({ ...REQUIRED, ...env });
  if (!result.ok) throw new Error(formatConfigProblems(result.problems));
  return result.config;
}

function problemsOf(env: Record<string, string>): ConfigProblem[] {
  const result = parseConfig({ ...REQUIRED, ...env });
  return result.ok ? [] : result.problems;
}

describe("defaults", () => {
  test("are these", () => {
    expect(configOf()).toEqual({
      host: "127.0.0.1",
      gatewayPort: 3000,
      receiverPort: 3001,
      dispatcherPort: 3002,
      sampleBotPort: 3003,
      dataDir: ".chat-relay",
      logLevel: "info",
      shutdownGraceMs: 8_000,
      shutdownDrainMs: 1_000,
      requestTimeoutMs: 10_000,
      n8nWebhookUrl: "https://n8n.example/webhook/chat",
      callbackUrl: "http://127.0.0.1:3001/api/chat/webhook",
      databaseUrl: DATABASE_URL,
      natsUrl: [NATS_URL],
      webhookSecret: "a-secret-of-the-webhooks",
      signatureToleranceMs: 300_000,
      allowedOrigins: [],
      trustedProxies: [],
      rateLimitDisabled: false,
      rateLimitMessages: { count: 10, seconds: 60 },
      rateLimitSessions: { count: 3, seconds: 300 },
      rateLimitWebhooks: { count: 60, seconds: 60 },
      rateLimitPieces: { count: 1_200, seconds: 60 },
      streamHeartbeatMs: 15_000,
      streamBufferMaxBytes: 1_048_576,
      streamMaxConnections: 10_000,
      streamMaxPerSession: 20,
      demoPageDisabled: false,
      n8nCompat: false,
      n8nCompatWaitMs: 300_000,
      pageSize: 50,
      pageSizeMax: 100,
      sessionTtlGuestMs: 86_400_000,
      sessionTtlUserMs: 604_800_000,
      bodyMaxBytes: 65_536,
      messageMaxChars: 4_000,
      metadataMaxBytes: 8_192,
      metadataMaxDepth: 5,
      callbackMaxBytes: 262_144,
      responseMaxBytes: 1_048_576,
      replyMaxBytes: 262_144,
      replyMaxCount: 10_000,
      queueIntervalMs: 5_000,
      queueMaxAttempts: 3,
      queueBackoffMs: 1_000,
      queueBackoffMaxMs: 60_000,
      retryAfterMinMs: 1_000,
      retryAfterMaxMs: 3_600_000,
      dispatchConcurrency: 32,
      webhookTimeoutMs: 120_000,
      piecesPerSecond: 25,
      webhookConnectTimeoutMs: 5_000,
      replyTimeoutMs: 300_000,
      breakerProbeMs: 500,
      breakerProbeMaxMs: 30_000,
      n8nStartingMaxMs: 120_000,
      breakerRampMs: 1_000,
      outboxMax: 100_000,
      databasePoolSize: 20,
      databaseTimeoutMs: 5_000,
      ackWaitMs: 8_000,
      publishTimeoutMs: 5_000,
      publishMaxInFlight: 1_000,
      maxAckPending: 65_536,
      streamMaxAgeMs: 604_800_000,
      streamMaxBytes: 1_073_741_824,
      streamMessageMaxBytes: 921_600,
      liveMaxAgeMs: 900_000,
      liveMaxBytes: 33_554_432,
      streamReplicas: 1,
    });
  });

  test("the callback URL follows the receiver's port", () => {
    expect(configOf({ CHAT_RECEIVER_PORT: "4001" }).callbackUrl).toBe("http://127.0.0.1:4001/api/chat/webhook");
    const callbackUrl = "https://chat.example/api/chat/webhook";
    expect(configOf({ CHAT_CALLBACK_URL: callbackUrl }).callbackUrl).toBe(callbackUrl);
  });

  test.each(["", " ", "\t\n"])("an empty variable (%j) counts as not set", (empty) => {
    expect(configOf({ CHAT_GATEWAY_PORT: empty, CHAT_ADMIN_TOKEN: empty, CHAT_ALLOWED_ORIGINS: empty })).toEqual(
      configOf(),
    );
    expect(problemsOf({ DATABASE_URL: empty })).toMatchObject([
      { variable: "DATABASE_URL", problem: "is required and not set" },
    ]);
  });

  test("white space around a value does not matter", () => {
    expect(configOf({ CHAT_GATEWAY_PORT: " 4000\n" }).gatewayPort).toBe(4000);
  });
});

describe("every field", () => {
  test.each(configFieldNames())("%s is described, by one variable of its own", (name) => {
    const { variable, description, allowed, section } = configField(name);
    expect(variable).toMatch(/^(CHAT_[A-Z0-9_]+|DATABASE_URL|NATS_URL|LOG_LEVEL)$/);
    expect([description, allowed, section]).not.toContain("");
    expect(configFieldNames().filter((other) => configField(other).variable === variable)).toEqual([name]);
  });

  test.each(configFieldNames())("%s refuses junk, naming its variable and what is allowed", (name) => {
    const { variable, allowed } = configField(name);
    const anyText = ["host", "dataDir", "identitySecret"].includes(name);
    const problems = problemsOf({ [variable]: "?" }).map((problem) => ({
      ...problem,
      problem: typeof problem.problem,
    }));
    expect(problems[0]).toEqual(anyText ? undefined : { variable, problem: "string", allowed });
  });
});

describe("problems", () => {
  test("all of them are listed at once", () => {
    const result = parseConfig({ CHAT_GATEWAY_PORT: "0", CHAT_QUEUE_MAX_ATTEMPTS: "three", DATABASE_URL });
    expect(result.ok ? [] : result.problems.map(({ variable, problem }) => [variable, problem])).toEqual([
      ["CHAT_GATEWAY_PORT", "must be a whole number from 1 to 65535"],
      ["CHAT_N8N_WEBHOOK_URL", "is required and not set"],
      ["NATS_URL", "is required and not set"],
      ["CHAT_WEBHOOK_SECRET", "is required and not set"],
      ["CHAT_QUEUE_MAX_ATTEMPTS", "must be a whole number from 1 to 100"],
    ]);
  });

  test("a terminal shows a line for each: variable, what is wrong, what is allowed", () => {
    const text = formatConfigProblems(problemsOf({ CHAT_GATEWAY_PORT: "x", LOG_LEVEL: "loud" }));
    expect(text.split("\n")).toEqual([
      "Configuration is not valid:",
      "  CHAT_GATEWAY_PORT must be a whole number from 1 to 65535",
      "  LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent (allowed: `fatal`, `error`, `warn`, `info`, `debug`, `trace`, `silent`)",
    ]);
  });
});

describe("secrets", () => {
  test("never appear in a problem", () => {
    const problems = problemsOf({
      CHAT_WEBHOOK_SECRET: "hunter2-hunter2-hunter2 hunter2",
      CHAT_IDENTITY_SECRET: "hunter2",
      CHAT_ADMIN_TOKEN: "hunter2",
      DATABASE_URL: "mysql://root:hunter2@db.example/chat",
      NATS_URL: "http://root:hunter2@nats.example",
      CHAT_N8N_WEBHOOK_URL: "https://user:hunter2@n8n.example/",
      CHAT_CALLBACK_URL: "https://user:hunter2@chat.example/",
    });
    expect(problems).toHaveLength(6); // a key of the host site may be of any length
    expect(JSON.stringify(problems)).not.toContain("hunter2");
  });

  test("never appear in the summary for the log, only whether they are set", () => {
    const summary = summarizeConfig(configOf({ CHAT_ADMIN_TOKEN: "a-token-of-the-operator" }));
    expect(summary).toMatchObject({
      webhookSecretConfigured: true,
      adminTokenConfigured: true,
      identitySecretConfigured: false,
      databaseUrlConfigured: true,
      natsUrlConfigured: true,
      gatewayPort: 3000,
    });
    expect(JSON.stringify(summary)).not.toMatch(/a-secret-of|a-token-of|password/);
  });

  test.each(["CHAT_WEBHOOK_SECRET", "CHAT_ADMIN_TOKEN"])("%s has 16 characters at least", (variable) => {
    expect(problemsOf({ [variable]: "x".repeat(16) })).toEqual([]);
    expect(problemsOf({ [variable]: "x".repeat(15) })[0]?.variable).toBe(variable);
  });

  test("the operator's token is one that fits into a header", () => {
    expect(problemsOf({ CHAT_ADMIN_TOKEN: "p@ssw0rd!-p@ssw0rd!" })).toEqual([]);
    expect(problemsOf({ CHAT_ADMIN_TOKEN: "two words, long enough" })[0]?.variable).toBe("CHAT_ADMIN_TOKEN");
    expect(problemsOf({ CHAT_ADMIN_TOKEN: "ein-schlüssel-mit-ü" })[0]?.variable).toBe("CHAT_ADMIN_TOKEN");
  });

  test("a whsec_ secret must be base64, each of several long enough", () => {
    expect(problemsOf({ CHAT_WEBHOOK_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw other-secret-of-16" })).toEqual(
      [],
    );
    expect(problemsOf({ CHAT_WEBHOOK_SECRET: "whsec_this-is-not-base64!" })[0]?.problem).toContain("not base64");
    expect(problemsOf({ CHAT_WEBHOOK_SECRET: "a-first-secret-of-16 short" })[0]?.problem).toContain("each secret");
  });
});

describe("numbers and durations", () => {
  test.each(["-1", "1.5", "1e3", "0x10", "10s", "1_000", "99", "NaN", "9".repeat(16)])("%j is no duration", (value) => {
    expect(problemsOf({ CHAT_QUEUE_INTERVAL_MS: value })[0]?.variable).toBe("CHAT_QUEUE_INTERVAL_MS");
  });

  test("durations begin at 100 ms, session timeouts at 1,000 ms", () => {
    expect(configOf({ CHAT_WEBHOOK_TIMEOUT_MS: "100" }).webhookTimeoutMs).toBe(100);
    expect(configOf({ CHAT_SESSION_TTL_GUEST_MS: "1000" }).sessionTtlGuestMs).toBe(1_000);
    expect(problemsOf({ CHAT_SESSION_TTL_USER_MS: "999" })).toHaveLength(1);
  });
});

describe("lists and limits", () => {
  test("origins are exact", () => {
    const allowedOrigins = ["https://shop.example", "http://localhost:8080"];
    expect(configOf({ CHAT_ALLOWED_ORIGINS: "https://shop.example, http://localhost:8080," }).allowedOrigins).toEqual(
      allowedOrigins,
    );
  });

  test.each([
    "*",
    "https://*.example",
    "shop.example",
    "https://shop.example/",
    "https://shop.example/path",
    "ftp://shop.example",
    "null",
    "https://SHOP.example",
    "https://shop.example:443",
  ])("%j is no origin that a browser would send", (origin) => {
    expect(problemsOf({ CHAT_ALLOWED_ORIGINS: `https://ok.example,${origin}` })[0]?.problem).toContain(`"${origin}"`);
  });

  test("proxies are addresses or CIDRs", () => {
    const trustedProxies = ["10.0.0.0/8", "127.0.0.1", "2001:db8::/32", "::1"];
    expect(configOf({ CHAT_TRUSTED_PROXIES: trustedProxies.join(" , ") }).trustedProxies).toEqual(trustedProxies);
  });

  test.each([
    "10.0.0.0/33",
    "2001:db8::/129",
    "10.0.0.0/",
    "10.0.0/8",
    "10.0.0.0/8/8",
    "loopback",
    "true",
    "10.0.0.0/-1",
  ])("%j is no CIDR", (cidr) => {
    expect(problemsOf({ CHAT_TRUSTED_PROXIES: cidr })[0]?.problem).toBe(`"${cidr}" is not an address or CIDR`);
  });

  test("a rate limit is count/seconds", () => {
    expect(configOf({ CHAT_RATE_LIMIT_MESSAGES: "5/1" }).rateLimitMessages).toEqual({ count: 5, seconds: 1 });
    expect(configOf({ CHAT_RATE_LIMIT_WEBHOOKS: "1000000/1000000" }).rateLimitWebhooks.count).toBe(1_000_000);
  });

  test.each(["10", "10/", "/60", "0/60", "10/0", "-1/60", "10/60/1", "1.5/60", "1000001/60", "10 / 60", "ten/60"])(
    "%j is no rate limit",
    (value) => {
      expect(problemsOf({ CHAT_RATE_LIMIT_SESSIONS: value })[0]?.variable).toBe("CHAT_RATE_LIMIT_SESSIONS");
    },
  );

  test("a switch is true or false and nothing else", () => {
    expect(configOf({ CHAT_RATE_LIMIT_DISABLED: "true" }).rateLimitDisabled).toBe(true);
    for (const value of ["1", "yes", "TRUE", "on"])
      expect(problemsOf({ CHAT_RATE_LIMIT_DISABLED: value })).toHaveLength(1);
  });
});

describe("addresses", () => {
  test("NATS may be a cluster", () => {
    expect(configOf({ NATS_URL: "nats://a:4222, tls://b:4222" }).natsUrl).toEqual(["nats://a:4222", "tls://b:4222"]);
  });

  test.each([
    ["NATS_URL", ","],
    ["NATS_URL", "nats://a,http://b"],
    ["NATS_URL", "a:4222"],
    ["DATABASE_URL", "mysql://db/chat"],
    ["DATABASE_URL", "db.example"],
    ["CHAT_N8N_WEBHOOK_URL", "ftp://n8n.example/"],
    ["CHAT_N8N_WEBHOOK_URL", "n8n.example/webhook"],
    ["CHAT_N8N_WEBHOOK_URL", "file:///etc/passwd"],
    ["CHAT_N8N_WEBHOOK_URL", "https://user@n8n.example/"],
    ["CHAT_CALLBACK_URL", "https://:pass@chat.example/"],
  ])("%s=%s is refused", (variable, value) => {
    expect(problemsOf({ [variable]: value })[0]?.variable).toBe(variable);
  });
});

test("the longest delay between attempts may be below the first one's default: it caps it", () => {
  expect(problemsOf({ CHAT_QUEUE_BACKOFF_MAX_MS: "500" })).toEqual([]);
});

test("a duration that no timer can keep is refused", () => {
  expect(problemsOf({ CHAT_WEBHOOK_TIMEOUT_MS: "2147483647" })).toEqual([]);
  expect(problemsOf({ CHAT_WEBHOOK_TIMEOUT_MS: "2147483648" })[0]?.variable).toBe("CHAT_WEBHOOK_TIMEOUT_MS");
  expect(problemsOf({ CHAT_SESSION_TTL_USER_MS: "31536000000" })).toEqual([]);
});

describe("fields that go together", () => {
  test.each([
    ["CHAT_RETRY_AFTER_MIN_MS", "2000", "CHAT_RETRY_AFTER_MAX_MS", "1999"],
    ["CHAT_BREAKER_PROBE_MS", "2000", "CHAT_BREAKER_PROBE_MAX_MS", "1999"],
    ["CHAT_PAGE_SIZE", "20", "CHAT_PAGE_SIZE_MAX", "19"],
    ["CHAT_REPLY_MAX_BYTES", "2000", "CHAT_RESPONSE_MAX_BYTES", "1999"],
  ])("%s=%s does not fit %s=%s", (low, lowValue, high, highValue) => {
    const problem = { variable: low, problem: `is larger than ${high}`, allowed: `at most ${high}` };
    expect(problemsOf({ [low]: lowValue, [high]: highValue })).toEqual([problem]);
    expect(problemsOf({ [low]: lowValue, [high]: lowValue })).toEqual([]);
  });
});
