import type { ChatProblem } from "@chat-relay/client";
import { expect, test } from "vitest";
import { connectionNotice } from "./connection-notice.ts";
import { snapshot } from "./testing/snapshots.ts";

function problem(code: string, status: number, retryAfterMs: number | null = null): ChatProblem {
  return { code, status, detail: "", retryAfterMs };
}

test("nothing is said while all is well, or before anything was begun", () => {
  expect(connectionNotice(snapshot([]), true)).toBeNull();
  expect(connectionNotice(snapshot([], { connection: "idle" }), true)).toBeNull();
});

test("says why nothing comes through", () => {
  const offline = (problem: ChatProblem | null, isOnline = true): string | null =>
    connectionNotice(snapshot([], { connection: "offline", problem }), isOnline);
  expect(offline(problem("network", 0), false)).toBe("offline");
  expect(offline(problem("network", 0))).toBe("unreachable");
  expect(offline(problem("unavailable", 503))).toBe("unreachable");
  expect(offline(problem("rate_limited", 429))).toBe("busy");
  expect(offline(problem("rate_limited", 429, 60_000))).toBe("busy");
  expect(offline(problem("rate_limited", 429, 240_000))).toBe("busyForLong");
  expect(offline(problem("identity", 0))).toBe("signInFailed");
  expect(offline(problem("unauthorized", 401))).toBe("signInFailed");
  expect(connectionNotice(snapshot([], { connection: "connecting" }), true)).toBe("connecting");
  expect(connectionNotice(snapshot([], { connection: "ended" }), true)).toBe("ended");
});
