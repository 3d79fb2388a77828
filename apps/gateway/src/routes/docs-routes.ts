import { PAGE_STYLE } from "../docs-page/page-style.ts";
import type { ApiDocument } from "../docs-page/openapi-types.ts";
import { renderPage } from "../docs-page/render-page.ts";
import { PAGE_POLICY } from "../edge/security-headers.ts";
import type { ZodApp } from "../edge/zod-app.ts";

const DOCUMENT = "/api/openapi.json";
const PAGE = "/docs";
const STYLE = `${PAGE}/style.css`;

// About the API, not of it.
const schema = { hide: true };

/** `GET /api/openapi.json`, and `GET /docs`, its readable page. */
export function docsRoutes(app: ZodApp): void {
  let page: string | undefined;
  app.get(DOCUMENT, { schema }, (_request, reply) => reply.header("cache-control", "no-cache").send(app.swagger()));
  app.get(PAGE, { schema, helmet: PAGE_POLICY }, (_request, reply) => {
    page ??= renderPage(app.swagger() as unknown as ApiDocument, { style: STYLE, document: DOCUMENT });
    return reply.header("cache-control", "no-cache").type("text/html; charset=utf-8").send(page);
  });
  app.get(STYLE, { schema }, (_request, reply) =>
    reply.header("cache-control", "no-cache").type("text/css; charset=utf-8").send(PAGE_STYLE),
  );
}
