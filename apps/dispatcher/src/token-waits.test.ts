import { testConfig } from "@chat-relay/testkit/test-config";
import { expect, test } from "vitest";
import { tokenWaits } from "./token-waits.ts";

const HOUR_MS = 3_600_000;

test("a token that has long to wait leaves the bus, the others keep their place", () => {
  expect(tokenWaits(HOUR_MS, testConfig())).toEqual({ kind: "done" });
  expect(tokenWaits(300_000, testConfig())).toEqual({ kind: "retry", afterMs: 300_000 });
});

test("it stays where the sweep looks too seldom to publish it in good time", () => {
  const seldom = testConfig({ CHAT_QUEUE_INTERVAL_MS: "600000" });
  expect(tokenWaits(HOUR_MS, seldom)).toEqual({ kind: "retry", afterMs: HOUR_MS });
});
