import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { lenientMetadataSchema, metadataSchema, type Json, type Metadata } from "./metadata.ts";

const LIMITS = { metadataMaxBytes: 8_192, metadataMaxDepth: 5 };
const strict = metadataSchema(LIMITS);
const lenient = lenientMetadataSchema(LIMITS);

function problem(input: unknown, schema: z.ZodType = strict): string | undefined {
  return schema.safeParse(input).error?.issues[0]?.message;
}

/** `{}` is 1, `{"a":{}}` is 2, and so on, by turns with arrays. */
function nested(depth: number): Metadata {
  let value: Json = depth % 2 === 0 ? [] : {};
  for (let level = depth - 1; level >= 1; level -= 1) value = level % 2 === 0 ? [value] : { a: value };
  return value as Metadata;
}

function deepJson(depth: number): unknown {
  return JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
}

describe("what metadata is", () => {
  test.each([[null], [1], ["text"], [true], [[]], [[{}]], [undefined]])("%j is refused", (input) => {
    expect(problem(input)).toBe("must be an object");
  });

  test("any JSON object is taken as it is", () => {
    const value = { source: "website", "": null, list: [1, 2.5, true, "ä"], deep: { er: {} } };
    expect(strict.parse(value)).toEqual(value);
  });

  test("keys that mean something to JavaScript are keys like others", () => {
    const text = '{"__proto__":{"polluted":true},"constructor":1,"toString":"x"}';
    for (const schema of [strict, lenient]) {
      const parsed = schema.parse(JSON.parse(text));
      expect(JSON.stringify(parsed)).toBe(text);
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    }
  });
});

describe("depth", () => {
  test("`{}` is 1, arrays count", () => {
    expect(problem({}, metadataSchema({ ...LIMITS, metadataMaxDepth: 1 }))).toBeUndefined();
    expect(problem({ a: [] }, metadataSchema({ ...LIMITS, metadataMaxDepth: 1 }))).toBe(
      "must be nested at most 1 deep",
    );
    expect(problem({ a: [[[[]]]] })).toBeUndefined();
    expect(problem({ a: [[[[[]]]]] })).toBe("must be nested at most 5 deep");
  });

  test("the limit is exact, wherever the deepest part is", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (depth, limit) => {
        const schema = metadataSchema({ metadataMaxBytes: 100_000, metadataMaxDepth: limit });
        const input = { flat: 1, ...nested(depth), last: "x" };
        expect(schema.safeParse(input).success).toBe(depth <= limit);
      }),
    );
  });

  test("10,000 levels are refused, not a stack overflow, also with text that would have to be mended", () => {
    for (const schema of [strict, lenient])
      expect(problem(deepJson(10_000), schema)).toBe("must be nested at most 5 deep");
  });
});

describe("size", () => {
  const ofBytes = (bytes: number) => ({ a: "x".repeat(bytes - '{"a":""}'.length) });

  test("8,192 bytes as compact JSON fit, one more does not", () => {
    expect(problem(ofBytes(8_192))).toBeUndefined();
    expect(problem(ofBytes(8_193))).toBe("must be at most 8192 bytes as compact JSON, is 8193");
    expect(problem(ofBytes(8_193), lenient)).toBe("must be at most 8192 bytes as compact JSON, is 8193");
  });

  test("bytes are counted, not characters", () => {
    expect(problem({ a: "ä".repeat(4_092) })).toBeUndefined();
    expect(problem({ a: "ä".repeat(4_093) })).toBe("must be at most 8192 bytes as compact JSON, is 8194");
  });

  test("white space in the request does not count", () => {
    expect(problem(JSON.parse(`{${" ".repeat(10_000)}"a":1}`))).toBeUndefined();
  });
});

describe("text that PostgreSQL cannot store", () => {
  const cases: [string, Metadata][] = [
    ["U+0000 in a value", { a: "x\u0000" }],
    ["U+0000 in a key", { "a\u0000": 1 }],
    ["a lone surrogate in a value", { a: "\ud800" }],
    ["a lone surrogate in a key", { "\udc00": 1 }],
    ["deep inside", { a: [{ b: ["\u0000"] }] }],
  ];

  test.each(cases)("%s: a browser is refused", (_name, input) => {
    expect(problem(input)).toBe("must not contain U+0000 or lone surrogates");
  });

  test.each(cases)("%s: n8n's is mended", (_name, input) => {
    const mended = JSON.stringify(lenient.parse(input));
    expect(mended).toContain("\ufffd");
    expect(problem(JSON.parse(mended))).toBeUndefined();
  });

  test("whatever JSON n8n sends, what is left can be stored", () => {
    const roomy = { metadataMaxBytes: 1_000_000, metadataMaxDepth: 50 };
    const object = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ stringUnit: "binary", maxDepth: 4 }));
    fc.assert(
      fc.property(object, (input) => {
        const mended = lenientMetadataSchema(roomy).parse(input);
        expect(metadataSchema(roomy).safeParse(mended).success).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
