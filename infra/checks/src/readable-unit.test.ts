import { expect, test } from "vitest";
import { readableUnit } from "./readable-unit.ts";

test.each([
  ["sessionTtlGuestMs", 86_400_000, "24 h"],
  ["sessionTtlUserMs", 604_800_000, "7 d"],
  ["retryAfterMaxMs", 3_600_000, "1 h"],
  ["replyTimeoutMs", 90_000, "90 s"],
  ["breakerProbeMs", 500, undefined],
  ["bodyMaxBytes", 65_536, "64 KiB"],
  ["streamMaxBytes", 1_073_741_824, "1 GiB"],
  ["metadataMaxBytes", 1_000, undefined],
  ["maxAckPending", 65_536, undefined],
  ["queueIntervalMs", 0, undefined],
  ["host", "127.0.0.1", undefined],
])("%s = %j is %s", (field, value, expected) => {
  expect(readableUnit(field, value)).toBe(expected);
});
