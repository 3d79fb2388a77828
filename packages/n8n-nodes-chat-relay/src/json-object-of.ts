function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The object that an expression gave, as one or as JSON; nothing is an empty one. Undefined for anything else. */
export function jsonObjectOf(value: unknown): Record<string, unknown> | undefined {
  if (value === undefined || value === null || value === "") return {};
  const parsed = typeof value === "string" ? parse(value) : value;
  const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
  return isObject ? (parsed as Record<string, unknown>) : undefined;
}
