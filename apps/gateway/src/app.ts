import { DatabaseUnavailableError } from "@chat-relay/database/database";
import { findSessionByToken } from "@chat-relay/database/find-session";
import { createHttpApp } from "@chat-relay/service/http-app";
import { operationsRoutes } from "@chat-relay/service/operations-routes";
import type { FastifyInstance } from "fastify";
import { guardAdmin } from "./edge/admin-guard.ts";
import { allowOrigins } from "./edge/cross-origin.ts";
import { acceptJsonBodies } from "./edge/json-body.ts";
import { rememberSessions, type FindSession } from "./edge/known-sessions.ts";
import { sendSecurityHeaders } from "./edge/security-headers.ts";
import { guardSessions } from "./edge/session-guard.ts";
import { useZod, type ZodApp } from "./edge/zod-app.ts";
import { createContext, type GatewayContext, type GatewayDependencies } from "./gateway-context.ts";
import { timeRequests } from "./gateway-metrics.ts";
import { documentRoutes } from "./openapi/document.ts";
import { deliveriesRoute, deliveryRoute, queueRoute, wholeSessionRoute } from "./routes/admin-read-routes.ts";
import { replayManyRoute, replayOneRoute } from "./routes/admin-replay-routes.ts";
import { docsRoutes } from "./routes/docs-routes.ts";
import { historyRoute } from "./routes/history-route.ts";
import { demoRoutes, widgetRoutes } from "./routes/page-routes.ts";
import { n8nRoute } from "./routes/n8n-route.ts";
import { sendRoute } from "./routes/send-route.ts";
import { endSessionRoute, readSessionRoute, startSessionRoute } from "./routes/session-routes.ts";
import { streamRoute } from "./routes/stream-route.ts";

function createBase({ config, logger }: GatewayDependencies): FastifyInstance {
  return createHttpApp({
    logger,
    bodyMaxBytes: config.bodyMaxBytes,
    requestTimeoutMs: config.requestTimeoutMs,
    trustedProxies: config.trustedProxies,
    challenge: "Bearer",
    isUnavailable: (error) => error instanceof DatabaseUnavailableError,
  });
}

function sessionScopes(app: ZodApp, context: GatewayContext): void {
  const find: FindSession = (tokenHash) => findSessionByToken(context.database, tokenHash);
  void app.register(async (scope: ZodApp) => {
    guardSessions(scope, rememberSessions(find)); // accepting a message looks at the session anyway
    sendRoute(scope, context);
  });
  void app.register(async (scope: ZodApp) => {
    guardSessions(scope, find);
    readSessionRoute(scope, context);
    endSessionRoute(scope, context);
    historyRoute(scope, context);
    streamRoute(scope, context);
  });
}

// Without a token the routes do not exist, which is what their 404 says.
function adminScope(app: ZodApp, context: GatewayContext): void {
  const { adminToken } = context.config;
  if (adminToken === undefined) return;
  void app.register(async (scope: ZodApp) => {
    guardAdmin(scope, adminToken);
    queueRoute(scope, context);
    deliveriesRoute(scope, context);
    deliveryRoute(scope, context);
    replayOneRoute(scope, context);
    replayManyRoute(scope, context);
    wholeSessionRoute(scope, context);
  });
}

/** The gateway's HTTP app as a value; listening is the worker's business. */
export async function createGatewayApp(dependencies: GatewayDependencies): Promise<FastifyInstance> {
  const context = createContext(dependencies);
  const base = createBase(dependencies);
  operationsRoutes(base, { health: dependencies.health, registry: context.metrics.registry });
  timeRequests(base, context.metrics.durations);
  acceptJsonBodies(base);
  sendSecurityHeaders(base);
  await allowOrigins(base, dependencies.config.allowedOrigins);
  await documentRoutes(base);
  // Open streams would hold up the close of the server.
  base.addHook("preClose", async () => context.live.close());
  const app = useZod(base);
  startSessionRoute(app, context);
  sessionScopes(app, context);
  if (dependencies.config.n8nCompat) n8nRoute(app, context);
  adminScope(app, context);
  await docsRoutes(app);
  await widgetRoutes(app);
  if (!dependencies.config.demoPageDisabled) await demoRoutes(app, dependencies.config);
  return base;
}
