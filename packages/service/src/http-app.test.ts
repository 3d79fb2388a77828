import { ChatError, ERRORS, type ErrorCode } from "@chat-relay/core/errors";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createHttpApp } from "./http-app.ts";
import { createLogger } from "./logger.ts";

class AwayError extends Error {}

const settings = {
  logger: createLogger("test", "silent"),
  bodyMaxBytes: 1_000,
  requestTimeoutMs: 500,
  isUnavailable: (error: unknown) => error instanceof AwayError,
};

const apps: ReturnType<typeof createHttpApp>[] = [];
function createApp(thrown?: () => unknown) {
  const app = createHttpApp(settings);
  apps.push(app);
  app.get("/", () => {
    if (thrown !== undefined) throw thrown();
    return { ok: true };
  });
  return app;
}
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

describe("errors are problem documents", () => {
  test.each(Object.keys(ERRORS) as ErrorCode[])("%s", async (code) => {
    const app = createApp(() => new ChatError(code, "what is wrong", { retryAfterSeconds: 3 }));
    const response = await app.inject({ url: "/", headers: { "x-request-id": "mine-1" } });
    expect(response.statusCode).toBe(ERRORS[code].status);
    expect(response.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    expect(response.headers["retry-after"]).toBe("3");
    expect(response.json()).toEqual({
      type: `urn:chat-relay:error:${code}`,
      title: ERRORS[code].title,
      status: ERRORS[code].status,
      detail: "what is wrong",
      code,
      requestId: "mine-1",
    });
  });

  test("what is thrown unexpectedly says nothing of itself", async () => {
    const response = await createApp(() => new Error("a secret detail")).inject("/");
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toContain("secret");
    expect(response.json()).toMatchObject({ code: "internal" });
  });

  test("what is needed and away is 503 with Retry-After", async () => {
    const response = await createApp(() => new AwayError()).inject("/");
    expect(response.statusCode).toBe(503);
    expect(response.headers["retry-after"]).toBe("2");
    expect(response.json()).toMatchObject({ code: "unavailable" });
  });

  test("an unknown route is 404", async () => {
    const response = await createApp().inject("/nowhere");
    expect(response.json()).toMatchObject({ status: 404, code: "not_found" });
  });
});

test("every answer carries a request id, the caller's own only if it is harmless", async () => {
  const id = async (given: string) =>
    (await createApp().inject({ url: "/", headers: { "x-request-id": given } })).headers["x-request-id"];
  expect(await id("abc_DEF-123")).toBe("abc_DEF-123");
  expect(await id("a b")).toMatch(/^[0-9a-f-]{36}$/);
  expect(await id("x".repeat(65))).toMatch(/^[0-9a-f-]{36}$/);
});

async function rawAnswer(sent: string): Promise<string> {
  const app = createApp();
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as { port: number };
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  socket.write(sent);
  await new Promise((resolve) => socket.on("close", resolve));
  return answer;
}

test("a request that Node itself refuses gets a problem document too", async () => {
  const answer = await rawAnswer("nonsense\r\n\r\n");
  expect(answer).toContain("HTTP/1.1 400");
  expect(answer).toContain("application/problem+json");
});

test("a client that sends its request too slowly is cut off", async () => {
  expect(await rawAnswer("GET / HTTP/1.1\r\nhost: a\r\n")).toContain("HTTP/1.1 4");
});
