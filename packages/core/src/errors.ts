/** One entry of the error catalogue: what the client sees, and whether the same request may succeed later. */
export interface ErrorEntry {
  status: number;
  title: string;
  retryable: boolean;
}

/** Every stable error code of the HTTP API. `docs/errors.md` is tested against this list in both directions. */
export const ERRORS = {
  validation_failed: { status: 400, title: "The request is not valid", retryable: false },
  malformed_json: { status: 400, title: "The body is not valid JSON", retryable: false },
  unauthorized: { status: 401, title: "Authentication failed", retryable: false },
  forbidden: { status: 403, title: "Not allowed with this token", retryable: false },
  not_found: { status: 404, title: "Not found", retryable: false },
  session_not_found: { status: 404, title: "No such session", retryable: false },
  conflict: { status: 409, title: "Not possible in the present state", retryable: false },
  session_expired: { status: 410, title: "The session has expired or was ended", retryable: false },
  payload_too_large: { status: 413, title: "The body is too large", retryable: false },
  unsupported_media_type: { status: 415, title: "The content type is not supported", retryable: false },
  idempotency_mismatch: { status: 422, title: "The idempotency key was used for another message", retryable: false },
  rate_limited: { status: 429, title: "Too many requests", retryable: true },
  internal: { status: 500, title: "Something went wrong", retryable: true },
  unavailable: { status: 503, title: "Temporarily unavailable", retryable: true },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** One fault in a request: an RFC 6901 pointer into the body (or the name of a query field) and what is wrong. */
export interface FieldError {
  pointer: string;
  detail: string;
}

/** A refusal that a client is told about. Anything else that is thrown is an `internal` error. */
export class ChatError extends Error {
  override readonly name = "ChatError";
  readonly code: ErrorCode;
  readonly errors: FieldError[] | undefined;
  /** Whole seconds for `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    detail: string,
    options: { errors?: FieldError[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** An RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  requestId: string;
  errors?: FieldError[];
}

/** The body of an error response. */
export function toProblem(error: ChatError, requestId: string): Problem {
  const { status, title } = ERRORS[error.code];
  return {
    type: `urn:chat-relay:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    requestId,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  };
}
