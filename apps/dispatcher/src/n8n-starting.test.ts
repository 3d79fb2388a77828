import { beforeEach, expect, test } from "vitest";
import type { CallResult } from "./n8n-call.ts";
import { N8nStarting } from "./n8n-starting.ts";

const LIMITS = { n8nStartingMaxMs: 1_000, breakerProbeMaxMs: 100 };
const HEADERS = { contentType: "text/html; charset=utf-8", contentEncoding: undefined, retryAfter: undefined };

const answered = (status: number, text: string): CallResult => ({
  kind: "answered",
  status,
  headers: HEADERS,
  body: Buffer.from(text),
});
const NO_ROUTES = answered(404, "<pre>Cannot POST /webhook/chat</pre>");

let starting: N8nStarting;

beforeEach(() => {
  starting = new N8nStarting(LIMITS);
});

/** Whether a 404 at that time counts as a start. */
const counts = (nowMs: number) => starting.problemOf(NO_ROUTES, nowMs) !== undefined;

test("404s count for so long, and not again while they go on", () => {
  expect([5_000, 5_600, 6_000].map(counts)).toEqual([true, true, true]);
  expect([6_001, 6_900, 8_000, 9_000].map(counts)).toEqual([false, false, false, false]);
});

test.each<CallResult>([
  answered(200, "n8n is starting up. Please wait"),
  answered(404, "another"),
  answered(200, "ok"),
  { kind: "broken", status: null, problem: "ECONNRESET" },
  { kind: "deadline", status: null },
  { kind: "unreachable", problem: "ECONNREFUSED" },
])("what else is had of n8n ($kind) makes them count anew", (result) => {
  expect(counts(0)).toBe(true);
  starting.problemOf(result, 500);
  expect([1_500, 2_500, 2_501].map(counts)).toEqual([true, true, false]);
});

test("so does a connection that could not be made", () => {
  expect(counts(0)).toBe(true);
  starting.forget();
  expect(counts(1_050)).toBe(true);
});

test("a call that was given up says nothing", () => {
  expect(counts(0)).toBe(true);
  starting.problemOf({ kind: "aborted" }, 500);
  expect(counts(1_050)).toBe(false);
});

test("404s further apart than the bound and the longest pause of the breaker are of two starts", () => {
  expect(counts(0)).toBe(true);
  expect(counts(1_100)).toBe(false);
  expect(counts(2_201)).toBe(true);
});
