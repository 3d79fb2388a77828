import type { Document } from "./complete-operations.ts";

function isUsed(name: string, text: string): boolean {
  return text.includes(`"#/components/schemas/${name}"`);
}

/** Drops schemas that nothing refers to: the generator writes an input and an output variant of each. */
export function dropUnused<T extends Document>(document: T): T {
  const schemas = document.components?.schemas ?? {};
  for (;;) {
    const text = JSON.stringify(document);
    const unused = Object.keys(schemas).filter((name) => !isUsed(name, text));
    if (unused.length === 0) return document;
    for (const name of unused) delete schemas[name];
  }
}
