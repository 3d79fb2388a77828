import { z } from "zod";
import { isStorable, toStorable } from "./text.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Metadata = { [key: string]: Json };

export interface MetadataLimits {
  metadataMaxBytes: number;
  metadataMaxDepth: number;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Depth without recursion: a hostile body nests deeper than the call stack. */
function isDeeperThan(root: object, maxDepth: number): boolean {
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > maxDepth) return true;
    level = level.flatMap((container) => Object.values(container).filter(isContainer));
  }
  return false;
}

/** 1e400 is valid JSON and no number that we could give back. */
function hasEndlessNumber(value: unknown): boolean {
  if (typeof value === "number") return !Number.isFinite(value);
  return isContainer(value) && Object.values(value).some(hasEndlessNumber);
}

function hasUnstorableText(value: unknown): boolean {
  if (typeof value === "string") return !isStorable(value);
  if (!isContainer(value)) return false;
  return Object.entries(value).some(([key, item]) => !isStorable(key) || hasUnstorableText(item));
}

function metadataProblem(value: object, limits: MetadataLimits): string | undefined {
  if (isDeeperThan(value, limits.metadataMaxDepth)) return `must be nested at most ${limits.metadataMaxDepth} deep`;
  if (hasEndlessNumber(value)) return "must not contain numbers beyond 1.8e308";
  const bytes = Buffer.byteLength(JSON.stringify(value), "utf8");
  if (bytes > limits.metadataMaxBytes) {
    return `must be at most ${limits.metadataMaxBytes} bytes as compact JSON, is ${bytes}`;
  }
  return undefined;
}

// No record: that leaves out a key `__proto__`, which is a key like others here.
const anyObject = z.custom<Metadata>((value) => isContainer(value) && !Array.isArray(value), "must be an object");

/** Metadata that was taken before. */
export const takenMetadata = anyObject.meta({ type: "object", additionalProperties: true });

function metadataObject(limits: MetadataLimits, refuseUnstorable: boolean) {
  return anyObject.superRefine((value, context) => {
    const problem =
      metadataProblem(value, limits) ??
      (refuseUnstorable && hasUnstorableText(value) ? "must not contain U+0000 or lone surrogates" : undefined);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
}

/** Metadata as a browser sends it: text that cannot be stored is refused. */
export function metadataSchema(limits: MetadataLimits) {
  return metadataObject(limits, true).meta({
    type: "object",
    additionalProperties: true,
    description: `At most ${limits.metadataMaxBytes} bytes as compact JSON, nested at most ${limits.metadataMaxDepth} deep.`,
  });
}

function cleaned(value: Json): Json {
  if (typeof value === "string") return toStorable(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (!isContainer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [toStorable(key), cleaned(item)]));
}

/** Metadata as n8n sends it: text that cannot be stored is mended. */
export function lenientMetadataSchema(limits: MetadataLimits) {
  return metadataObject(limits, false).transform((value) => cleaned(value) as Metadata);
}
