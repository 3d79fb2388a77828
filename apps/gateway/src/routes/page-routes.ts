import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { ChatConfig } from "@chat-relay/core/config";
import fastifyStatic from "@fastify/static";
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

// Other sites' pages load it: a script that is no secret, with no credentials.
const TO_ANY_PAGE = {
  "access-control-allow-origin": "*",
  "cross-origin-resource-policy": "cross-origin",
  "cache-control": "no-cache", // asked for again with its ETag
};

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
    setHeaders: (reply) => void reply.headers(TO_ANY_PAGE),
  });
}

/** `GET /`: the widget on a page of its own; what the sample bot can do is on it where messages go to its port. */
export async function demoRoutes(app: ZodApp, { n8nWebhookUrl, sampleBotPort }: ChatConfig): Promise<void> {
  const isSampleBot = new URL(n8nWebhookUrl).port === String(sampleBotPort);
  await app.register(fastifyStatic, {
    root: PUBLIC_DIR,
    prefix: "/demo/",
    schemaHide: true,
    index: false,
    cacheControl: false,
    setHeaders: (reply) => void reply.headers(PAGE_HEADERS),
  });
  app.get("/", { schema: { hide: true } }, async (_request, reply) => {
    const page = await readFile(`${PUBLIC_DIR}index.html`, "utf8");
    reply.headers(PAGE_HEADERS).type("text/html; charset=utf-8");
    return isSampleBot ? page : page.replace("<body>", '<body class="own-bot">');
  });
}
