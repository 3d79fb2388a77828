import { Validator } from "@seriousme/openapi-schema-validator";
import { beforeAll, describe, expect, test } from "vitest";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
// oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
let document: any;
beforeAll(async () => {
  document = (await shared.gateway.call("GET", "/api/openapi.json")).data;
});

interface Operation {
  operationId: string;
  security: Record<string, unknown>[];
  responses: Record<string, { headers: object; content?: object }>;
}

function operations(): [string, Operation][] {
  return Object.entries<Record<string, Operation>>(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
}

test("is valid OpenAPI 3.1", async () => {
  expect(document.openapi).toMatch(/^3\.1\./);
  expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true });
});

test("lists exactly the routes of the API that exist", () => {
  expect(
    operations()
      .map(([name]) => name)
      .toSorted(),
  ).toEqual([
    "DELETE /api/chat/session",
    "GET /api/chat/admin/deliveries",
    "GET /api/chat/admin/deliveries/{messageId}",
    "GET /api/chat/admin/queue",
    "GET /api/chat/admin/sessions/{sessionId}",
    "GET /api/chat/messages/{sessionId}",
    "GET /api/chat/session",
    "GET /api/chat/stream/{sessionId}",
    "POST /api/chat/admin/deliveries/replay",
    "POST /api/chat/admin/deliveries/{messageId}/replay",
    "POST /api/chat/send",
    "POST /api/chat/session",
  ]);
});

describe("every operation", () => {
  test("names its token, has an id of its own, and can end in 500 and 503", () => {
    for (const [name, { security, responses }] of operations()) {
      const wanted =
        name === "POST /api/chat/session" ? [] : [{ [name.includes("/admin/") ? "admin" : "session"]: [] }];
      expect([name, security ?? []]).toEqual([name, wanted]);
      expect(responses).toHaveProperty("500");
      expect(responses).toHaveProperty("503.headers.Retry-After");
    }
    expect(new Set(operations().map(([, operation]) => operation.operationId)).size).toBe(operations().length);
  });

  test("answers errors as problems whose code is of the catalogue", () => {
    const errors = operations().flatMap(([, { responses }]) =>
      Object.entries(responses).filter(([status]) => Number(status) >= 400),
    );
    for (const [, { content }] of errors)
      expect(content).toEqual({ "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } });
    expect(document.components.schemas.Problem.properties.code.enum).toContain("idempotency_mismatch");
  });

  test("says which headers it brings", () => {
    const send = document.paths["/api/chat/send"].post;
    for (const status of ["200", "202", "429"])
      expect(Object.keys(send.responses[status].headers)).toEqual(
        expect.arrayContaining(["X-Request-Id", "RateLimit", "RateLimit-Policy"]),
      );
    expect(send.responses[429].headers).toHaveProperty("Retry-After");
    expect(send.parameters).toEqual(
      expect.arrayContaining([expect.objectContaining({ in: "header", name: "idempotency-key" })]),
    );
    const stream = document.paths["/api/chat/stream/{sessionId}"].get;
    expect(stream.responses[200].headers).not.toHaveProperty("RateLimit");
    expect(stream.responses[429].headers).toHaveProperty("Retry-After");
  });
});

test("says which bodies may be left out", () => {
  expect(document.paths["/api/chat/session"].post.requestBody.required).toBe(false);
  expect(document.paths["/api/chat/send"].post.requestBody.required).toBe(true);
});

test("without an operator token the operators' routes are not in it", async () => {
  const gateway = await shared.stores.gateway({ CHAT_ADMIN_TOKEN: "" });
  const { data } = await gateway.call("GET", "/api/openapi.json");
  expect(Object.keys(data.paths).filter((path) => path.includes("admin"))).toEqual([]);
});

describe("GET /docs", () => {
  test("is a page that may load its own files and nothing else, and finds them", async () => {
    const { statusCode, headers, body } = await shared.gateway.call("GET", "/docs");
    expect([statusCode, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(headers["content-security-policy"]).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    const files = [...body.matchAll(/(?:src|href)="([^"#]+)"/g)].map((match) => match[1] ?? "");
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) expect([file, (await shared.gateway.call("GET", file)).statusCode]).toEqual([file, 200]);
  });

  test("shows the document that machines get", async () => {
    const { data } = await shared.gateway.call("GET", "/docs/json");
    expect(data).toEqual(document);
  });
});
