import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ChatError, toProblem, type FieldError } from "./errors.ts";
import { fieldsError, parseInput } from "./validation.ts";

const schema = z.strictObject({
  content: z.string().min(1, "must not be empty"),
  metadata: z.strictObject({ list: z.array(z.number("must be a number")) }).optional(),
  "a/b~c": z.literal(1).optional(),
});

function errorsOf(input: unknown, of: z.ZodType = schema): FieldError[] | undefined {
  try {
    parseInput(of, input);
    return undefined;
  } catch (error) {
    if (!(error instanceof ChatError) || error.code !== "validation_failed") throw error;
    return error.errors;
  }
}

describe("parseInput", () => {
  test("gives what the schema makes of the input", () => {
    expect(parseInput(z.object({ a: z.string().default("x") }), {})).toEqual({ a: "x" });
  });

  test("a field that is missing is required", () => {
    expect(errorsOf({})).toEqual([{ pointer: "#/content", detail: "is required" }]);
  });

  test("every fault is named, with the way to it", () => {
    const faults = errorsOf({ content: "", metadata: { list: [1, "2", 3, null] } });
    expect(faults).toEqual([
      { pointer: "#/content", detail: "must not be empty" },
      { pointer: "#/metadata/list/1", detail: "must be a number" },
      { pointer: "#/metadata/list/3", detail: "must be a number" },
    ]);
  });

  test("each unknown field is named where it is", () => {
    expect(errorsOf({ content: "x", role: "admin", id: 1, metadata: { list: [], more: 1 } })).toEqual([
      { pointer: "#/metadata/more", detail: "is not a known field" },
      { pointer: "#/role", detail: "is not a known field" },
      { pointer: "#/id", detail: "is not a known field" },
    ]);
  });

  test("pointers escape what has a meaning in them", () => {
    expect(errorsOf({ content: "x", "a/b~c": 2 })?.[0]?.pointer).toBe("#/a~1b~0c");
    expect(errorsOf({ content: "x", "~/": 2 })?.[0]?.pointer).toBe("#/~0~1");
  });

  test("something else altogether is pointed at as a whole", () => {
    expect(errorsOf([])?.[0]?.pointer).toBe("#");
    expect(errorsOf(null)?.[0]?.pointer).toBe("#");
  });
});

test("the detail of the problem tells a person all of it", () => {
  const faults = [
    { pointer: "#/a", detail: "is required" },
    { pointer: "#/b", detail: "is too long" },
  ];
  const problem = toProblem(fieldsError(faults), "request-1");
  expect(problem).toMatchObject({ status: 400, code: "validation_failed", errors: faults });
  expect(problem.detail).toBe("#/a is required; #/b is too long");
});
