import { ERRORS, type ErrorCode } from "@chat-relay/core/errors";
import { z } from "zod";

/** An error as RFC 9457 has it; `code` is the stable part. */
const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    requestId: z.string(),
    errors: z
      .array(
        z.object({
          pointer: z.string().meta({ description: "JSON pointer into the body, or the name of a query field." }),
          detail: z.string(),
        }),
      )
      .optional(),
  })
  .meta({ id: "Problem", description: "An error (RFC 9457). `code` is stable, the texts are not." });

interface ProblemResponse {
  description: string;
  content: { "application/problem+json": { schema: typeof problem } };
}

type ProblemResponses = Partial<Record<number, ProblemResponse>>;

/** Every route can end in these: something went wrong, or something needed is away. */
const ALWAYS = ["internal", "unavailable"] as const;

/** The error responses of a route, by status, for the codes that it can give. */
export function problems(...codes: Exclude<ErrorCode, (typeof ALWAYS)[number]>[]): ProblemResponses {
  const byStatus = Map.groupBy<number, ErrorCode>([...codes, ...ALWAYS], (code) => ERRORS[code].status);
  const responses: ProblemResponses = {};
  for (const [status, group] of byStatus) {
    const description = group.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(" ");
    responses[status] = { description, content: { "application/problem+json": { schema: problem } } };
  }
  return responses;
}

/** A JSON response with a description of its own. */
export function json<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { "application/json": { schema } } };
}

/** A response without a body. */
export function empty(description: string) {
  return z.null().meta({ description });
}
