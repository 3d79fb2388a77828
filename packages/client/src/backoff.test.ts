import { expect, test } from "vitest";
import { Backoff } from "./backoff.ts";
import { TIMING } from "./timing.ts";

const SAMPLES = 200;

/** Each of the first waits, by many clients. */
function waits(count: number, prepare = (_backoff: Backoff): void => {}): number[][] {
  const backoffs = Array.from(
    { length: SAMPLES },
    () => new Backoff({ ...TIMING, retryMs: 1_000, retryMaxMs: 30_000 }),
  );
  backoffs.forEach(prepare);
  return Array.from({ length: count }, () => backoffs.map((backoff) => backoff.next(null)));
}

test("waits double, are spread out, and stay below the greatest", () => {
  const [first, second, , , , , last] = waits(7) as [number[], number[], ...number[][]];
  expect(Math.min(...first)).toBeGreaterThanOrEqual(750);
  expect(Math.max(...first)).toBeLessThanOrEqual(1_250);
  expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan(250);
  expect(Math.min(...second)).toBeGreaterThanOrEqual(1_500);
  expect(Math.max(...second)).toBeLessThanOrEqual(2_500);
  expect(Math.min(...(last ?? []))).toBeGreaterThan(15_000);
  expect(Math.max(...(last ?? []))).toBeLessThanOrEqual(30_000);
});

test("after a success the next failure is a first one; the gateway may say how long that waits", () => {
  const [anew] = waits(1, (backoff) => {
    for (let failure = 0; failure < 5; failure += 1) backoff.next(null);
    backoff.reset();
    backoff.firstMs = 2_000;
  });
  expect(Math.max(...(anew ?? []))).toBeLessThanOrEqual(2_500);
  expect(Math.min(...(anew ?? []))).toBeGreaterThanOrEqual(1_500);
});

test("the gateway's Retry-After is never undercut, and not answered by all at once", () => {
  const asked = Array.from({ length: SAMPLES }, () => new Backoff(TIMING).next(10_000));
  expect(Math.min(...asked)).toBeGreaterThanOrEqual(10_000);
  expect(Math.max(...asked)).toBeLessThanOrEqual(12_000);
  expect(Math.max(...asked) - Math.min(...asked)).toBeGreaterThan(500);
});
