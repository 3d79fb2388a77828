import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { FastifyReply } from "fastify";
import type { ZodApp } from "../edge/zod-app.ts";

const PUBLIC_DIR = fileURLToPath(new URL("../../public/", import.meta.url));
const WIDGET_DIR = fileURLToPath(new URL("dist/", import.meta.resolve("@chat-relay/widget/package.json")));

// The page's own files, no inline script or style, and no text that becomes markup by itself.
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types chat-relay",
].join("; ");

const PAGE_HEADERS = { "content-security-policy": PAGE_POLICY, "cache-control": "no-cache" };

const YEAR_S = 31_536_000;
/** Files whose names change with their content. */
const HASHED = /-[A-Z0-9]{8}\.js(?:\.br|\.gz)?$/;

// Other sites' pages load it: a script that is no secret, with no credentials.
function sendToAnyPage(reply: FastifyReply, path: string): void {
  reply.header("access-control-allow-origin", "*");
  reply.header("cross-origin-resource-policy", "cross-origin");
  reply.header("cache-control", HASHED.test(path) ? `public, max-age=${YEAR_S}, immutable` : "no-cache");
}

/** `GET /widget/…`: the widget, for any site. */
export async function widgetRoutes(app: ZodApp): Promise<void> {
  await app.register(fastifyStatic, {
    root: WIDGET_DIR,
    prefix: "/widget/",
    schemaHide: true,
    decorateReply: false,
    index: false,
    allowedPath: (path) => path.endsWith(".js"),
    cacheControl: false,
    preCompressed: true,
    suppressWarning: true, // its folder may be missing where only the API is wanted
    setHeaders: sendToAnyPage,
  });
}

/** `GET /`: the widget on a page of its own. */
export async function demoRoutes(app: ZodApp): Promise<void> {
  await app.register(fastifyStatic, {
    root: PUBLIC_DIR,
    prefix: "/demo/",
    schemaHide: true,
    index: false,
    cacheControl: false,
    setHeaders: (reply) => void reply.headers(PAGE_HEADERS),
  });
  app.get("/", { schema: { hide: true } }, (_request, reply) => reply.sendFile("index.html"));
}
