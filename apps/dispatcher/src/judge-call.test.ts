import { testConfig } from "@chat-relay/testkit/test-config";
import { describe, expect, test } from "vitest";
import { judgeCall, judgeFault, type JudgeContext } from "./judge-call.ts";
import type { CallResult } from "./n8n-call.ts";

const CONTEXT: JudgeContext = {
  limits: testConfig(),
  budgetUsed: 1,
  durationMs: 7,
  nowMs: 0,
  endStream: () => undefined,
  random: 0.5,
};

function answered(
  status: number,
  headers: Partial<{ contentType: string; contentEncoding: string; retryAfter: string }> = {},
  body = "",
): CallResult {
  const defaults = { contentType: "application/json", contentEncoding: undefined, retryAfter: undefined };
  return { kind: "answered", status, headers: { ...defaults, ...headers }, body: Buffer.from(body) };
}

const kindOf = (result: CallResult, context: Partial<JudgeContext> = {}) =>
  judgeCall(result, { ...CONTEXT, ...context }).kind;

describe("a 2xx answer", () => {
  test.each([200, 201, 202, 204, 299])("%i is a delivery", (status) => {
    expect(judgeCall(answered(status), CONTEXT)).toEqual({
      kind: "delivered",
      attempt: { durationMs: 7, httpStatus: status, error: null },
      replies: [],
    });
  });

  test("that is compressed fails at once, unless there is nothing in it", () => {
    expect(kindOf(answered(200, { contentEncoding: "gzip" }, "x"))).toBe("failed");
    expect(kindOf(answered(200, { contentEncoding: "br" }))).toBe("delivered");
    expect(kindOf(answered(200, { contentEncoding: "identity" }, '{"output":"a"}'))).toBe("delivered");
  });
});

describe("a failed attempt", () => {
  test("is one at which the dispatcher itself fails, retried and given up like any other", () => {
    expect(judgeFault(CONTEXT)).toMatchObject({ kind: "retry", attempt: { durationMs: 7, httpStatus: null } });
    expect(judgeFault({ ...CONTEXT, budgetUsed: CONTEXT.limits.queueMaxAttempts }).kind).toBe("failed");
  });

  test.each([301, 302, 307, 400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 504])("%i may be retried", (status) => {
    expect(kindOf(answered(status))).toBe("retry");
  });

  test.each<CallResult>([
    { kind: "deadline", status: null },
    { kind: "broken", status: 200, problem: "ECONNRESET" },
  ])("$kind may be retried", (result) => {
    expect(kindOf(result)).toBe("retry");
  });

  test("is the last one when the budget is spent", () => {
    expect(kindOf(answered(500), { budgetUsed: 2 })).toBe("retry");
    expect(kindOf(answered(500), { budgetUsed: 3 })).toBe("failed");
  });

  test("waits twice as long each time, or as Retry-After says with 429 and 503 only", () => {
    const delay = (result: CallResult, budgetUsed: number) => {
      const settlement = judgeCall(result, { ...CONTEXT, budgetUsed });
      return settlement.kind === "retry" ? settlement.delayMs : undefined;
    };
    expect([delay(answered(500), 1), delay(answered(500), 2)]).toEqual([1_000, 2_000]);
    const asked = { retryAfter: "30" };
    for (const status of [429, 503]) {
      expect(delay(answered(status, asked), 1)).toBeGreaterThanOrEqual(30_000);
      expect(delay(answered(status, asked), 1)).toBeLessThanOrEqual(36_000);
    }
    expect(delay(answered(500, asked), 1)).toBe(1_000);
    expect(delay(answered(429, { retryAfter: "soon" }), 1)).toBe(1_000);
  });

  test("keeps the beginning of what n8n said, mended for PostgreSQL", () => {
    const settlement = judgeCall(answered(500, {}, `a\u0000b${"x".repeat(5_000)}`), CONTEXT);
    const error = "attempt" in settlement ? settlement.attempt.error : null;
    expect(error).toMatch(/^n8n answered 500: a\uFFFDbx+$/);
    expect(error?.length).toBe(500);
  });
});

test.each<CallResult>([answered(410), { kind: "too_large", status: 200, problem: "body" }])(
  "$kind cannot be helped",
  (result) => {
    expect(kindOf(result)).toBe("failed");
  },
);

test.each<CallResult>([{ kind: "unreachable", problem: "ECONNREFUSED" }, { kind: "aborted" }])(
  "$kind costs no attempt, even with the budget spent",
  (result) => {
    expect(judgeCall(result, { ...CONTEXT, budgetUsed: 3 })).toEqual({ kind: "handed_back", delayMs: 0 });
  },
);
