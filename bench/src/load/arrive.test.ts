import { expect, test } from "vitest";
import { arrive } from "./arrive.ts";
import type { Visitor } from "./visitor.ts";

/** Visitors whose messages are all taken at the same, late moment. */
function heldUp(count: number, untilMs: number): Visitor[] {
  const answered = { acceptedAtMs: untilMs, answeredAtMs: untilMs };
  return Array.from({ length: count }, () => ({ ask: async () => answered, giveUp: () => undefined }) as Visitor);
}

test("latency counts from the time for which a message was scheduled", async () => {
  const untilMs = performance.now() + 10_000;
  const load = { perSecond: 100, durationMs: 100, patienceMs: 1_000, signal: new AbortController().signal };
  const { answeredMs, failures } = await arrive(heldUp(10, untilMs), load);
  expect(failures).toEqual([]);
  expect(answeredMs).toHaveLength(10);
  // The schedule alone tells them apart.
  const gaps = answeredMs.slice(1).map((latency, index) => (answeredMs[index] ?? 0) - latency);
  for (const gap of gaps) expect(gap).toBeGreaterThan(0);
  expect((answeredMs[0] ?? 0) - (answeredMs[9] ?? 0)).toBeCloseTo(95.6, 0);
});
