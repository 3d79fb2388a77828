import { expect, test } from "vitest";
import { allocatedBytes } from "./allocated-bytes.ts";

const LOG = `
[61:0x20]       54 ms: Scavenge 4.5 (5.8) -> 4.0 (6.8) MB, pooled: 0 MB, 6.78 / 0.00 ms  (average mu = 1.000, current mu = 1.000) allocation failure;
{"level":"info","msg":"request.completed"}
[61:0x20]       59 ms: Scavenge (interleaved) 6.0 (7.0) -> 4.5 (7.2) MB, pooled: 0 MB, 3.35 / 0.00 ms  (average mu = 1.000, current mu = 1.000) task;
[61:0x20]      168 ms: Mark-Compact (reduce) 5.0 (8.4) -> 3.0 (8.6) MB, pooled: 0 MB, 5.42 / 0.00 ms  (average mu = 1.000, current mu = 1.000) idle task;
[61:0x20]      170 ms: Scavenge 4.5 (8.6) -> 3.5 (8.9) MB, pooled: 0 MB, 1.54 / 0.00 ms  (average mu = 1.000, current mu = 1.000) allocation failure;
`;

test("what was made is what there is more before a collection than after the one before it", () => {
  expect(allocatedBytes(LOG)).toBe((2 + 0.5 + 1.5) * 1_024 ** 2);
  expect(allocatedBytes("")).toBe(0);
});
