import Fastify from "fastify";
import { describe, expect, test } from "vitest";
import { Health } from "./health.ts";
import { createRegistry } from "./metrics.ts";
import { operationsRoutes } from "./operations-routes.ts";

const works = async () => undefined;
const fails = async () => Promise.reject(new Error("away"));

function appWith(health: Health) {
  const app = Fastify();
  operationsRoutes(app, { health, registry: createRegistry("test") });
  return app;
}

describe("readiness", () => {
  test("is 200 when every check answers", async () => {
    const response = await appWith(new Health({ postgres: works, nats: works })).inject("/readyz");
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ status: "ready", checks: { postgres: "ok", nats: "ok" } });
  });

  test("is 503 and names the check that fails", async () => {
    const response = await appWith(new Health({ postgres: works, nats: fails })).inject("/readyz");
    expect(response.statusCode).toBe(503);
    expect(response.json()).toEqual({ status: "not_ready", checks: { postgres: "ok", nats: "failing" } });
  });

  test("is 503 for a check that never answers", async () => {
    const response = await appWith(new Health({ postgres: () => new Promise(() => undefined) })).inject("/readyz");
    expect(response.json()).toEqual({ status: "not_ready", checks: { postgres: "failing" } });
  });

  test("is 503 once the process is stopping", async () => {
    const health = new Health({ postgres: works });
    health.stop();
    const response = await appWith(health).inject("/readyz");
    expect(response.statusCode).toBe(503);
    expect(response.json()).toEqual({ status: "not_ready", checks: { postgres: "ok" } });
  });
});

test("liveness touches nothing that readiness needs", async () => {
  const response = await appWith(new Health({ postgres: fails })).inject("/healthz");
  expect(response.statusCode).toBe(200);
});

test("metrics are Prometheus text", async () => {
  const response = await appWith(new Health({})).inject("/metrics");
  expect(response.headers["content-type"]).toMatch(/^text\/plain/);
  expect(response.body).toContain('process_cpu_seconds_total{service="test"}');
});
