import type { Server } from "node:http";
import type { Socket } from "node:net";
import { ChatError, toProblem, type ErrorCode, type Problem } from "@chat-relay/core/errors";
import { requestId } from "@chat-relay/core/ids";
import Fastify, {
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyHttpOptions,
} from "fastify";
import type { Logger } from "./logger.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What a request came to, for its line in the log: ids and the like. */
    outcome: Readonly<Record<string, string | number>> | null;
  }
}

export interface HttpAppOptions {
  logger: Logger;
  bodyMaxBytes: number;
  requestTimeoutMs: number;
  trustedProxies?: string[];
  /** `WWW-Authenticate` of a 401; none where no such header would help. */
  challenge?: string;
  /** What a request is told whose headers are larger than Node reads; by default that its payload is too large. */
  headersTooLarge?: { code: ErrorCode; detail: string };
  /** Tells which thrown errors mean that something needed is away. */
  isUnavailable: (error: unknown) => boolean;
}

/** Whole seconds after which a client may try again when something needed is away. */
const UNAVAILABLE_RETRY_SECONDS = 2;

type Translation = (error: FastifyError, limitBytes: number) => ChatError;

const FASTIFY_ERRORS: Record<string, Translation> = {
  FST_ERR_CTP_BODY_TOO_LARGE: (_error, limit) =>
    new ChatError("payload_too_large", `The body is larger than ${limit} bytes`),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new ChatError("unsupported_media_type", "The content type must be application/json"),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new ChatError("validation_failed", "The body does not have the announced length"),
  FST_ERR_BAD_URL: () => new ChatError("validation_failed", "The path is not valid"),
  FST_ERR_MAX_PARAM_LENGTH: () => new ChatError("not_found", "There is nothing with so long a name"),
};

/** Any thrown error as one that the client may see. */
function toChatError(error: unknown, options: HttpAppOptions): ChatError {
  if (error instanceof ChatError) return error;
  if (options.isUnavailable(error)) {
    const retryAfterSeconds = UNAVAILABLE_RETRY_SECONDS;
    return new ChatError("unavailable", "The service cannot do this now; try again", {
      retryAfterSeconds,
      cause: error,
    });
  }
  const fastifyError = error as FastifyError;
  const translate = FASTIFY_ERRORS[fastifyError.code];
  if (translate !== undefined) return translate(fastifyError, options.bodyMaxBytes);
  if (fastifyError.statusCode === 403 || fastifyError.statusCode === 404)
    return new ChatError("not_found", "There is nothing here"); // of a file that is not to be had
  if (fastifyError.statusCode === 400)
    return new ChatError("validation_failed", "The request is not valid", { cause: error });
  return new ChatError("internal", "An unexpected error occurred", { cause: error });
}

function sendProblem(reply: FastifyReply, problem: Problem, error: ChatError, options: HttpAppOptions): FastifyReply {
  if (error.retryAfterSeconds !== undefined) reply.header("retry-after", String(error.retryAfterSeconds));
  if (problem.status === 401 && options.challenge !== undefined) reply.header("www-authenticate", options.challenge);
  return reply.code(problem.status).type("application/problem+json; charset=utf-8").send(JSON.stringify(problem));
}

function errorHandler(options: HttpAppOptions) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const known = toChatError(error, options);
    if (known.code === "internal") request.log.error({ err: known.cause ?? known }, "request.failed");
    else if (known.code === "unavailable") request.log.warn({ err: known.cause ?? known }, "request.unavailable");
    return sendProblem(reply, toProblem(known, request.id), known, options);
  };
}

function logRequests(app: FastifyInstance): void {
  app.addHook("onResponse", async (request, reply) => {
    request.log.info(
      {
        ...request.outcome,
        method: request.method,
        route: request.routeOptions.url ?? "none",
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime),
      },
      "request.completed",
    );
  });
}

const UNREADABLE = "The request could not be read";

/** Node's own limits answer before any route is found; their answers have the house's shape too. */
function clientErrorHandler({ headersTooLarge, logger }: HttpAppOptions) {
  const tooLarge = headersTooLarge ?? { code: "payload_too_large", detail: UNREADABLE };
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    const unreadable = { code: "validation_failed", detail: UNREADABLE } as const;
    const { code, detail } = error.code === "HPE_HEADER_OVERFLOW" ? tooLarge : unreadable;
    const problem = toProblem(new ChatError(code, detail), requestId(undefined));
    logger.warn({ requestId: problem.requestId, reason: error.code }, "request.unreadable");
    const body = JSON.stringify(problem);
    const head = `HTTP/1.1 ${problem.status} Error\r\ncontent-type: application/problem+json; charset=utf-8\r\nx-request-id: ${problem.requestId}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
    socket.end(head + body);
  };
}

/** A Fastify app with what every HTTP process shares: ids, limits, problem answers, one log line a request. */
export function createHttpApp(options: HttpAppOptions): FastifyInstance {
  const handleError = errorHandler(options);
  const settings: FastifyHttpOptions<Server> = {
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    bodyLimit: options.bodyMaxBytes,
    trustProxy:
      options.trustedProxies !== undefined && options.trustedProxies.length > 0 ? options.trustedProxies : false,
    requestTimeout: options.requestTimeoutMs,
    // Slow senders are cut soon after their time is up, not at Node's next look half a minute later.
    http: { headersTimeout: options.requestTimeoutMs, connectionsCheckingInterval: 1_000 },
    keepAliveTimeout: 72_000, // longer than the usual proxy's, which would else reuse a connection that we just closed
    genReqId: (request) => requestId(request.headers["x-request-id"]),
    routerOptions: { maxParamLength: 8_192 },
    // Found before any hook runs, so the id is set here.
    frameworkErrors: (error, request, reply) => {
      reply.header("x-request-id", request.id);
      void handleError(error, request, reply);
    },
    return503OnClosing: false,
    forceCloseConnections: "idle",
    clientErrorHandler: clientErrorHandler(options),
  };
  const app: FastifyInstance = Fastify(settings);
  app.decorateRequest("outcome", null);
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  app.setErrorHandler(handleError);
  app.setNotFoundHandler((request) => {
    throw new ChatError("not_found", `There is no such route for ${request.method}`);
  });
  logRequests(app);
  return app;
}
