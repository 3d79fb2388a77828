import { pino, type DestinationStream, type Logger } from "pino";

export type { Logger } from "pino";

const BUFFER_CHARS = 8_192;

/** Fields whose values must never reach a log, be they a line's own or one level down, wherever a careless call puts them. */
const CENSORED = new Set([
  "authorization",
  "headers",
  "content",
  "chatInput",
  "body",
  "sessionToken",
  "userToken",
  "secret",
  "password",
]);

type Fields = Record<string, unknown>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !(value instanceof Error);
}

// The logger's own redaction takes four times as long as the rest of the line.
function censor(fields: Fields, below = 1): Fields {
  let clean = fields;
  for (const [name, value] of Object.entries(fields)) {
    let shown = value;
    if (CENSORED.has(name)) shown = "[redacted]";
    else if (below > 0 && isFields(value)) shown = censor(value, below - 1);
    if (shown !== value) clean = { ...clean, [name]: shown };
  }
  return clean;
}

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

let output: DestinationStream | undefined;

/** Standard output, written once a turn of the event loop: a write for each line costs as much as the line. */
function standardOutput(): DestinationStream {
  const buffered = pino.destination({ dest: 1, sync: true, minLength: BUFFER_CHARS });
  let scheduled = false;
  const flush = () => {
    scheduled = false;
    buffered.flush();
  };
  process.on("exit", () => {
    try {
      buffered.flushSync();
    } catch {
      // Nobody reads it any more.
    }
  });
  return {
    write(line) {
      buffered.write(line);
      if (!scheduled) setImmediate(flush);
      scheduled = true;
    },
  };
}

/** The process's logger: JSON lines on standard output, or to `destination`; event names as messages. */
export function createLogger(service: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Fields) => censor(fields),
    },
    serializers: { err: serializeError },
  };
  return pino(options, destination ?? (output ??= standardOutput()));
}
