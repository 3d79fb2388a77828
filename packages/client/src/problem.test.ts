import { expect, test } from "vitest";
import { isGone, isTransient, readProblem, retryAfterMs } from "./problem.ts";

function answer(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers });
}

test("a problem document is read", async () => {
  const body = JSON.stringify({ code: "rate_limited", detail: "Slow down", status: 429 });
  expect(await readProblem(answer(429, body, { "retry-after": "7" }))).toEqual({
    code: "rate_limited",
    status: 429,
    detail: "Slow down",
    retryAfterMs: 7_000,
  });
});

test.each(["<html>", "null", '"text"', '{"code":7}', ""])("what is none is known by its status: %s", async (body) => {
  expect(await readProblem(answer(502, body))).toMatchObject({ code: "http_502", status: 502, retryAfterMs: null });
});

test("Retry-After is seconds or a date, in bounds, and junk is none", () => {
  expect(retryAfterMs("0")).toBe(0);
  expect(retryAfterMs(" 12 ")).toBe(12_000);
  expect(retryAfterMs("999999999")).toBe(3_600_000);
  const inAMinute = retryAfterMs(new Date(Date.now() + 60_000).toUTCString());
  expect(inAMinute).toBeGreaterThan(30_000);
  expect(inAMinute).toBeLessThanOrEqual(60_000);
  expect(retryAfterMs(new Date(0).toUTCString())).toBe(0);
  expect([null, "", "soon", "NaN"].map(retryAfterMs)).toEqual([null, null, null, null]);
});

test.each([
  [401, "unauthorized", "gone"],
  [410, "session_expired", "gone"],
  [400, "validation_failed", "refused"],
  [403, "forbidden", "refused"],
  [404, "session_not_found", "refused"],
  [413, "payload_too_large", "refused"],
  [422, "idempotency_mismatch", "refused"],
  [429, "rate_limited", "later"],
  [503, "unavailable", "later"],
  [500, "internal", "later"],
  [408, "http_408", "later"],
  [502, "http_502", "later"],
  // A balancer whose gateways are away, a proxy that wants a password: the session is as good as before.
  [404, "http_404", "later"],
  [401, "http_401", "later"],
  [410, "http_410", "later"],
  [403, "http_403", "refused"],
  [0, "network", "later"],
])("%i %s: %s", (status, code, meaning) => {
  const problem = { status, code, detail: "", retryAfterMs: null };
  expect({ isGone: isGone(problem), isTransient: isTransient(problem) }).toEqual({
    isGone: meaning === "gone",
    isTransient: meaning === "later",
  });
});
