import { describe, expect, test } from "vitest";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
const get = (url: string, headers: Record<string, string> = {}) =>
  shared.gateway.app.inject({ method: "GET", url, headers });

describe("the page at /", () => {
  test("is the widget on a page with a strict policy: nothing inline, nothing from elsewhere", async () => {
    const { statusCode, headers, body } = await get("/");
    expect([statusCode, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    const policy = String(headers["content-security-policy"]);
    for (const directive of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"])
      expect(policy).toContain(directive);
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
    expect(body).toContain("<chat-relay>");
    expect(body).not.toMatch(/<script(?![^>]* src="\/)|<style|\son\w+=|\sstyle=/);
  });

  test("has all the files that it names", async () => {
    const { body } = await get("/");
    const named = [...body.matchAll(/(?:src|href)="(\/(?:demo|widget)\/[^"]+)"/g)].map(([, path]) => path ?? "");
    expect(named.length).toBeGreaterThan(3);
    for (const path of named) expect([path, (await get(path)).statusCode]).toEqual([path, 200]);
  });

  test("shows the sample bot's commands where messages go to it only", async () => {
    const pageWith = async (n8nWebhookUrl: string): Promise<string> => {
      const { app } = await shared.stores.gateway({
        CHAT_N8N_WEBHOOK_URL: n8nWebhookUrl,
        CHAT_SAMPLE_BOT_PORT: "3003",
      });
      return (await app.inject({ method: "GET", url: "/" })).body;
    };
    expect(await pageWith("http://127.0.0.1:3003/webhook/chat")).toContain("<body>");
    expect(await pageWith("https://n8n.example/webhook/chat")).toContain('<body class="own-bot">');
  });

  test("can be taken away, and the widget stays", async () => {
    const { app } = await shared.stores.gateway({ CHAT_DEMO_PAGE_DISABLED: "true" });
    for (const url of ["/", "/demo/demo.js"]) expect((await app.inject({ method: "GET", url })).statusCode).toBe(404);
    expect((await app.inject({ method: "GET", url: "/widget/widget.js" })).statusCode).toBe(200);
  });
});

describe("the widget's files", () => {
  test("may be loaded by any site", async () => {
    const { statusCode, headers } = await get("/widget/widget.js", { origin: "https://shop.example" });
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "application/javascript; charset=utf-8",
      "access-control-allow-origin": "*",
      "cross-origin-resource-policy": "cross-origin",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
    });
  });

  test("come compressed to who can read that", async () => {
    const plain = await get("/widget/widget.js");
    for (const encoding of ["br", "gzip"]) {
      const { headers, rawPayload } = await get("/widget/widget.js", { "accept-encoding": encoding });
      expect([headers["content-encoding"], headers["content-type"]]).toEqual([
        encoding,
        "application/javascript; charset=utf-8",
      ]);
      expect(headers["vary"]).toContain("accept-encoding");
      expect(rawPayload.length).toBeLessThan(plain.rawPayload.length / 2);
    }
  });

  test("are asked for again, and not sent again when they are the same", async () => {
    const { headers } = await get("/widget/markdown-text.js?again=1");
    expect(headers["cache-control"]).toBe("no-cache");
    const again = await get("/widget/markdown-text.js", { "if-none-match": String(headers["etag"]) });
    expect(again.statusCode).toBe(304);
  });

  test.each([
    "/widget/",
    "/demo/",
    "/widget/nothing.js",
    "/widget/../package.json",
    "/widget/%2e%2e/package.json",
    "/demo/..%2f..%2fpackage.json",
  ])("%s is 404", async (url) => {
    expect((await get(url)).statusCode).toBe(404);
  });
});
