import { html, prose, type Html } from "./html.ts";
import type { Schema } from "./openapi-types.ts";

const REF = "#/components/schemas/";

function range({ minimum, maximum, minLength, maxLength }: Schema): string {
  const [low, high] = [minimum ?? minLength, maximum ?? maxLength];
  if (high === undefined) return "";
  return ` (${low ?? 0} to ${high}${maxLength === undefined ? "" : " characters"})`;
}

function reference(ref: string): Html {
  const name = ref.slice(REF.length);
  return html`<a href="#schema-${name}">${name}</a>`;
}

function plainType(schema: Schema): Html {
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (schema.enum !== undefined)
    return html`${schema.enum.map((value, index) => html`${index > 0 ? " | " : ""}<code>${JSON.stringify(value)}</code>`)}`;
  const name = schema.format ?? [schema.type ?? "any"].flat().join(" | ");
  return html`${name}${range(schema)}`;
}

/** What a value is, in a few words. */
export function schemaType(schema: Schema): Html {
  if (schema.$ref !== undefined) return reference(schema.$ref);
  if (schema.anyOf !== undefined)
    return html`${schema.anyOf.map((option, index) => html`${index > 0 ? " | " : ""}${schemaType(option)}`)}`;
  if (schema.type === "array" && schema.items !== undefined) return html`array of ${schemaType(schema.items)}`;
  return plainType(schema);
}

function fallback(schema: Schema): Html {
  return schema.default === undefined ? html`` : html` Default: <code>${JSON.stringify(schema.default)}</code>.`;
}

function row(name: string, schema: Schema, required: boolean): Html {
  const nested = schema.items?.properties === undefined ? schema : schema.items;
  return html`<tr>
    <th scope="row"><code>${name}</code>${required ? "" : html` <small>optional</small>`}</th>
    <td>${schemaType(schema)}</td>
    <td>
      ${prose(schema.description)}${fallback(schema)}${nested.properties === undefined ? "" : schemaTable(nested)}
    </td>
  </tr>`;
}

/** The fields of an object, nested ones included. */
export function schemaTable(schema: Schema): Html {
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) =>
    row(name, field, schema.required?.includes(name) === true),
  );
  return html`<table>
    ${rows}
  </table>`;
}
