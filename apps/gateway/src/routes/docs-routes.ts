import swaggerUi from "@fastify/swagger-ui";
import type { ZodApp } from "../edge/zod-app.ts";

// About the API, not of it.
const schema = { hide: true };

// The page's own files and nothing from elsewhere. The plugin's policy would also upgrade requests to HTTPS, which leaves
// the page bare where there is none.
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `GET /api/openapi.json`, and `GET /docs`, its readable page. */
export async function docsRoutes(app: ZodApp): Promise<void> {
  app.get("/api/openapi.json", { schema }, (_request, reply) =>
    reply.header("cache-control", "no-cache").send(app.swagger()),
  );
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: PAGE_POLICY,
    theme: { title: "chat-relay API" },
    uiConfig: { layout: "BaseLayout", validatorUrl: null, deepLinking: true, defaultModelsExpandDepth: 0 },
  });
}
