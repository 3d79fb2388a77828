import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countCodePoints, isStorable, toStorable, truncateText } from "./text.ts";

/** Any UTF-16 text: half surrogate pairs and U+0000 included, and often. */
const anyText = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0x61)))
  .map((units) => String.fromCharCode(...units));

describe("isStorable", () => {
  test.each([
    ["", true],
    ["Grüße, 世界 👋🏽", true],
    ["\u0001\u007f\ufffe\uffff", true],
    ["a\u0000b", false],
    ["\ud83d", false],
    ["\udc4b\ud83d", false],
    ["👋\ud83d", false],
  ])("%j → %s", (text, expected) => {
    expect(isStorable(text)).toBe(expected);
  });
});

describe("toStorable", () => {
  test("replaces each U+0000 and each lone surrogate by one U+FFFD, and nothing else", () => {
    expect(toStorable("a\u0000\u0000b\ud83d c\udc4b 👋")).toBe("a\ufffd\ufffdb\ufffd c\ufffd 👋");
  });

  test("always gives text that can be stored, of the same length", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const stored = toStorable(text);
        expect(isStorable(stored)).toBe(true);
        expect(stored).toHaveLength(text.length);
      }),
    );
  });

  test("leaves alone what can be stored, and is done after one go", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const stored = toStorable(text);
        expect(toStorable(stored)).toBe(stored);
        expect(isStorable(text) ? stored : text).toBe(text);
      }),
    );
  });

  test("what it gives survives UTF-8", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const stored = toStorable(text);
        expect(Buffer.from(stored, "utf8").toString("utf8")).toBe(stored);
      }),
    );
  });
});

describe("countCodePoints", () => {
  test("counts an emoji as one, its skin tone as another, a lone surrogate as one", () => {
    expect(countCodePoints("")).toBe(0);
    expect(countCodePoints("👋")).toBe(1);
    expect(countCodePoints("👋🏽")).toBe(2);
    expect(countCodePoints("e\u0301")).toBe(2);
    expect(countCodePoints("\ud83d\ud83d\udc4b\udc4b")).toBe(3);
  });

  test("agrees with the string's own iterator", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(countCodePoints(text)).toBe(Array.from(text).length);
      }),
    );
  });
});

describe("truncateText", () => {
  test("keeps what is short enough, and never ends in half a pair", () => {
    expect(truncateText("abc", 3)).toBe("abc");
    expect(truncateText("abcd", 3)).toBe("abc");
    expect(truncateText("ab👋", 3).isWellFormed()).toBe(true);
    expect(truncateText("ab👋", 4)).toBe("ab👋");
  });

  test("never gives more than was allowed", () => {
    fc.assert(
      fc.property(anyText, fc.nat(50), (text, max) => {
        expect(truncateText(text, max).length).toBeLessThanOrEqual(max);
      }),
    );
  });
});
