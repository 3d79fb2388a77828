import { describe, expect, test } from "vitest";
import { ADMIN } from "../testing/test-gateway.ts";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
const ALLOWED = "https://shop.example";
const env = { CHAT_ALLOWED_ORIGINS: `${ALLOWED},http://localhost:8080`, CHAT_RATE_LIMIT_DISABLED: "true" };

function corsHeaders(headers: Record<string, unknown>): string[] {
  return Object.keys(headers).filter((name) => name.startsWith("access-control-"));
}

const preflight = (origin: string) => ({
  origin,
  "access-control-request-method": "POST",
  "access-control-request-headers": "authorization,content-type",
});

describe("an allowed origin", () => {
  test("may read the answer and what is exposed, errors too", async () => {
    const gateway = await shared.stores.gateway(env);
    for (const method of ["POST", "GET"] as const) {
      const { headers } = await gateway.call(method, "/api/chat/session", { headers: { origin: ALLOWED } });
      expect(headers["access-control-allow-origin"]).toBe(ALLOWED);
      expect(headers["access-control-expose-headers"]).toBe("x-request-id, RateLimit, RateLimit-Policy, Retry-After");
      expect(headers.vary).toContain("Origin");
      expect(headers).not.toHaveProperty("access-control-allow-credentials");
    }
  });

  test("gets its preflight answered", async () => {
    const gateway = await shared.stores.gateway(env);
    const { statusCode, headers } = await gateway.call("OPTIONS", "/api/chat/send", {
      headers: preflight("http://localhost:8080"),
    });
    expect(statusCode).toBe(204);
    expect(headers).toMatchObject({
      "access-control-allow-origin": "http://localhost:8080",
      "access-control-allow-methods": "GET, POST, DELETE",
      "access-control-allow-headers":
        "authorization, content-type, idempotency-key, x-request-id, traceparent, last-event-id",
    });
  });

  test("has no business with the operators' routes", async () => {
    const gateway = await shared.stores.gateway(env);
    const { statusCode, headers } = await gateway.call("GET", "/api/chat/admin/queue", {
      headers: { ...ADMIN, origin: ALLOWED },
    });
    expect([statusCode, corsHeaders(headers)]).toEqual([200, []]);
  });
});

test.each([
  "https://evil.example",
  "null",
  `${ALLOWED}.evil.example`,
  "https://evilshop.example",
  "http://shop.example",
  `${ALLOWED}:8443`,
  "https://SHOP.example",
  `${ALLOWED}/`,
  "*",
  "",
])("%j gets no CORS header at all", async (origin) => {
  const gateway = await shared.stores.gateway(env);
  const answer = await gateway.call("POST", "/api/chat/session", { headers: { origin } });
  expect([answer.statusCode, corsHeaders(answer.headers)]).toEqual([201, []]);
  const asked = await gateway.call("OPTIONS", "/api/chat/session", { headers: preflight(origin) });
  expect([asked.statusCode, corsHeaders(asked.headers)]).toEqual([404, []]);
});

test("without allowed origins nobody gets any", async () => {
  const { headers } = await shared.gateway.call("POST", "/api/chat/session", { headers: { origin: ALLOWED } });
  expect(corsHeaders(headers)).toEqual([]);
});
