import { CHAT_CONFIG, configField, configFieldNames } from "@chat-relay/core/config";
import { readableUnit } from "./readable-unit.ts";

/** What the generated documents say about one variable. */
export interface ConfigEntry {
  section: string;
  variable: string;
  meaning: string;
  allowed: string;
  /** The default as one would write it into the environment; undefined where there is none to write. */
  value: string | undefined;
  /** The same in a larger unit, where it has one. */
  readable: string | undefined;
  /** In words, where there is none to write. */
  defaultText: string;
}

type FieldName = ReturnType<typeof configFieldNames>[number];

function defaultOf(name: FieldName): unknown {
  const result = CHAT_CONFIG.shape[name].safeParse(undefined);
  return result.success ? result.data : undefined;
}

function asVariable(value: unknown): string | undefined {
  if (Array.isArray(value) && value.length > 0) return value.join(",");
  if (typeof value === "object" && value !== null && "count" in value && "seconds" in value) {
    return `${String(value.count)}/${String(value.seconds)}`;
  }
  return ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;
}

function toEntry(name: FieldName): ConfigEntry {
  const { section, variable, description, allowed, defaultText } = configField(name);
  const fallback = defaultOf(name);
  const value = asVariable(fallback);
  const readable = readableUnit(name, fallback);
  return { section, variable, meaning: description, allowed, value, readable, defaultText: defaultText ?? "none" };
}

/** Every variable of `CHAT_CONFIG`, by section, in the order of the schema. */
export function configEntries(): Map<string, ConfigEntry[]> {
  return Map.groupBy(configFieldNames().map(toEntry), (entry) => entry.section);
}
