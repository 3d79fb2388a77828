/** Where n8n's nodes put the text, in the order of preference. */
const TEXT_FIELDS = ["output", "text", "reply", "content"];

/** Arrays within arrays are n8n's doing at most once or twice. */
const MAX_DEPTH = 16;

function textOf(value: object): string[] {
  const fields = new Map<string, unknown>(Object.entries(value));
  const text = TEXT_FIELDS.map((name) => fields.get(name)).find((field) => typeof field === "string" && field !== "");
  return typeof text === "string" ? [text] : [];
}

/** Reply texts in a JSON value: a string, a known field of an object, or an array of such. */
export function repliesInJson(value: unknown, depth = 0): string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (Array.isArray(value)) return depth < MAX_DEPTH ? value.flatMap((item) => repliesInJson(item, depth + 1)) : [];
  return typeof value === "object" && value !== null ? textOf(value) : [];
}
