import type { z } from "zod";
import { ChatError, type FieldError } from "./errors.ts";

function pointer(path: PropertyKey[]): string {
  return `#${path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")}`;
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ pointer: pointer([...issue.path, key]), detail: "is not a known field" }));
  }
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  return [{ pointer: pointer(issue.path), detail: missing ? "is required" : issue.message }];
}

/** Turns zod's issues into a `validation_failed` that names every field and its problem. */
function validationError(error: z.core.$ZodError): ChatError {
  return fieldsError(error.issues.flatMap(fieldErrors));
}

/** A `validation_failed` for the fields given. */
export function fieldsError(errors: FieldError[]): ChatError {
  const detail = errors.map((item) => `${item.pointer} ${item.detail}`).join("; ");
  return new ChatError("validation_failed", detail, { errors });
}

/** Parses by the schema or throws `validation_failed`. */
export function parseInput<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input, { reportInput: true });
  if (!result.success) throw validationError(result.error);
  return result.data;
}
