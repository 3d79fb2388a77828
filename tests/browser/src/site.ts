import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, extname } from "node:path";

/** Somebody's own web site: it serves the test's pages, and nothing else. */
export interface Site extends AsyncDisposable {
  origin: string;
  /** Serves a page with this content and these headers; returns its address. */
  page(html: string, headers?: Record<string, string>): string;
  /** Serves the files of a folder, not those of folders in it, under this path. */
  folder(path: string, folder: URL): void;
}

interface PageFile {
  html: string;
  headers: Record<string, string>;
}

const TYPES: Record<string, string> = { ".css": "text/css" };

function readFile(folder: URL, path: string): { content: Buffer; type: string } {
  const content = readFileSync(new URL(basename(path), folder));
  return { content, type: TYPES[extname(path)] ?? "text/javascript" };
}

/** Starts the site on a port of its own, hence an origin of its own. */
export async function startSite(): Promise<Site> {
  const pages = new Map<string, PageFile>();
  const folders = new Map<string, URL>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const page = pages.get(path);
    const folder = folders.get(path.slice(0, path.lastIndexOf("/")));
    if (folder !== undefined) {
      const { content, type } = readFile(folder, path);
      return void response.writeHead(200, { "content-type": type }).end(content);
    }
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
    folder: (path, folder) => void folders.set(path, folder),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
