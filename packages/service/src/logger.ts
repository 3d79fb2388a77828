import { pino, type DestinationStream, type Logger } from "pino";

export type { Logger } from "pino";

/** Paths that must never reach a log, wherever a careless call puts them. */
const REDACTED = [
  "authorization",
  "*.authorization",
  "headers",
  "*.headers",
  "content",
  "*.content",
  "chatInput",
  "*.chatInput",
  "body",
  "*.body",
  "sessionToken",
  "*.sessionToken",
  "userToken",
  "*.userToken",
  "secret",
  "*.secret",
  "password",
  "*.password",
];

interface LoggedError {
  type: string;
  message: string;
  code: string | undefined;
  stack: string | undefined;
  cause: string | undefined;
}

// Errors carry more than their message: a failed statement its parameters, a failed request its headers.
function serializeError(error: unknown): LoggedError | string {
  if (!(error instanceof Error)) return typeof error === "string" ? error : "not an Error";
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return {
    type: error.name,
    message: error.message,
    code,
    stack: "isOutage" in error ? undefined : error.stack,
    cause,
  };
}

/** The process's logger: JSON lines on standard output, or to `destination`; event names as messages. */
export function createLogger(service: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: serializeError },
    redact: { paths: REDACTED, censor: "[redacted]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
