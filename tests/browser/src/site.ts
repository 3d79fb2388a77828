import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Somebody's own web site: it serves the test's pages, and nothing else. */
export interface Site extends AsyncDisposable {
  origin: string;
  /** Serves a page with this content and these headers; returns its address. */
  page(html: string, headers?: Record<string, string>): string;
}

interface PageFile {
  html: string;
  headers: Record<string, string>;
}

/** Starts the site on a port of its own, hence an origin of its own. */
export async function startSite(): Promise<Site> {
  const pages = new Map<string, PageFile>();
  const server = createServer((request, response) => {
    const page = pages.get(request.url ?? "");
    if (page === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...page.headers }).end(page.html);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    page(html, headers = {}) {
      const path = `/page-${pages.size + 1}`;
      pages.set(path, { html, headers });
      return origin + path;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
