import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { backoffDelayMs, retryAfterDelayMs } from "./retry-policy.ts";

const BACKOFF = { queueBackoffMs: 1_000, queueBackoffMaxMs: 60_000 };
const LIMITS = { retryAfterMinMs: 1_000, retryAfterMaxMs: 3_600_000 };
const NOW = Date.parse("2026-03-01T12:00:00Z");
const NO_JITTER = 0.5;

describe("backoffDelayMs", () => {
  test("doubles with each failed attempt, up to the cap", () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((failed) => backoffDelayMs(failed, BACKOFF, NO_JITTER));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  test("jitter reaches from -20 % to +20 %, and never beyond the cap", () => {
    expect(backoffDelayMs(1, BACKOFF, 0)).toBe(800);
    expect(backoffDelayMs(1, BACKOFF, 0.999_999)).toBe(1_200);
    expect(backoffDelayMs(50, BACKOFF, 0)).toBe(48_000);
    expect(backoffDelayMs(50, BACKOFF, 0.999_999)).toBe(60_000);
  });

  test("is a whole number within its bounds, however many attempts failed", () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), random, (failed, value) => {
        const delayMs = backoffDelayMs(failed, BACKOFF, value);
        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(800);
        expect(delayMs).toBeLessThanOrEqual(60_000);
      }),
    );
  });
});

describe("retryAfterDelayMs", () => {
  const delay = (value: string | undefined, random = 0) => retryAfterDelayMs(value, LIMITS, NOW, random);

  test.each([
    ["7", 7_000],
    [" 7 ", 7_000],
    ["0", 1_000],
    ["1", 1_000],
    ["3600", 3_600_000],
    ["999999", 3_600_000],
    ["9999999999", 3_600_000],
  ])("%j seconds → %d ms", (value, expected) => {
    expect(delay(value)).toBe(expected);
  });

  test.each([
    ["Sun, 01 Mar 2026 12:00:30 GMT", 30_000],
    ["Sunday, 01-Mar-26 12:00:30 GMT", 30_000],
    ["Sun Mar  1 12:00:30 2026", 30_000],
    ["Sun, 01 Mar 2026 11:00:00 GMT", 1_000],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 1_000],
    ["Mon, 02 Mar 2026 12:00:00 GMT", 3_600_000],
  ])("the date %j → %d ms", (value, expected) => {
    expect(delay(value)).toBe(expected);
  });

  test.each([
    [undefined],
    [""],
    [" "],
    ["-1"],
    ["1.5"],
    ["1e3"],
    ["0x10"],
    ["soon"],
    ["99999999999"],
    ["5, 10"],
    ["2026-03-01T12:00:30Z"],
    ["Mon, tomorrow"],
    ["Sun 5"],
    ["Sun, 99 Mar 2026 12:00:30 GMT"],
    ["Sun, 01 Mar 2026 12:00:30 GMT and so on"],
  ])("%j is junk and ignored", (value) => {
    expect(delay(value)).toBeUndefined();
  });

  test("is never earlier than asked for and at most 20 % later", () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_600 }), random, (seconds, value) => {
        const delayMs = delay(String(seconds), value) ?? Number.NaN;
        expect(delayMs).toBeGreaterThanOrEqual(seconds * 1_000);
        expect(delayMs).toBeLessThanOrEqual(seconds * 1_200);
      }),
    );
  });

  describe("elsewhere", () => {
    afterEach(() => {
      vi.unstubAllEnvs();
    });

    test("the form of a date that names no zone is UTC wherever the dispatcher runs", () => {
      vi.stubEnv("TZ", "America/New_York");
      expect(new Date(NOW).getTimezoneOffset()).toBe(300);
      expect(delay("Sun Mar  1 12:00:30 2026")).toBe(30_000);
    });
  });
});
