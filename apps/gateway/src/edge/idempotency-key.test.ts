import { describe, expect, test } from "vitest";
import { chooseKey, readIdempotencyKey } from "./idempotency-key.ts";

describe("readIdempotencyKey", () => {
  test.each([
    ["abc", "abc"],
    ['"abc"', "abc"],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['" padded "', " padded "],
    ["x".repeat(64), "x".repeat(64)],
    [undefined, undefined],
  ])("%j is the key %j", (header, key) => {
    expect(readIdempotencyKey(header)).toBe(key);
  });

  test.each(["", '""', "x".repeat(65), '"abc', '"a"b"', '"a\\x"', "caf\u00e9", "tab\there"])(
    "%j is refused",
    (header) => {
      expect(() => readIdempotencyKey(header)).toThrow(expect.objectContaining({ code: "validation_failed" }));
    },
  );
});

describe("chooseKey", () => {
  test("takes either, or both when they agree", () => {
    expect(chooseKey('"k"', undefined)).toBe("k");
    expect(chooseKey(undefined, "k")).toBe("k");
    expect(chooseKey('"k"', "k")).toBe("k");
    expect(chooseKey(undefined, undefined)).toBeNull();
  });

  test("refuses two that differ", () => {
    expect(() => chooseKey("k", "l")).toThrow(expect.objectContaining({ code: "validation_failed" }));
  });
});
