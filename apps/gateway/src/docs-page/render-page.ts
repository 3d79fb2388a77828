import { html, prose, type Html } from "./html.ts";
import type { ApiDocument, Operation, Schema } from "./openapi-types.ts";
import { renderOperation } from "./render-operation.ts";
import { schemaTable } from "./render-schema.ts";

interface Entry {
  method: string;
  path: string;
  operation: Operation;
}

function entriesByTag(document: ApiDocument): Map<string, Entry[]> {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Entry => ({ method, path, operation })),
  );
  return Map.groupBy(entries, ({ operation }) => operation.tags[0] ?? "Other");
}

function link({ method, path, operation }: Entry): Html {
  return html`<li>
    <a href="#${operation.operationId}"><span class="method">${method.toUpperCase()}</span> ${path}</a>
  </li>`;
}

function navigation(tags: Map<string, Entry[]>): Html {
  const groups = [...tags].map(
    ([tag, entries]) =>
      html`<h2>${tag}</h2>
        <ul>
          ${entries.map(link)}
        </ul>`,
  );
  return html`<nav>
    ${groups}
    <h2><a href="#schemas">Schemas</a></h2>
  </nav>`;
}

function schemaSection([name, schema]: [string, Schema]): Html {
  return html`<section id="schema-${name}">
    <h3>${name}</h3>
    <p>${prose(schema.description)}</p>
    ${schemaTable(schema)}
  </section>`;
}

function operations([tag, entries]: [string, Entry[]]): Html {
  return html`<h2>${tag}</h2>
    ${entries.map(({ method, path, operation }) => renderOperation(method, path, operation))}`;
}

/** Where the page finds what it needs, relative to nothing: it loads its style sheet and that is all. */
export interface PageLinks {
  style: string;
  document: string;
}

/**
 * The API's documentation as one page without a script. The well-known viewers weigh megabytes, want inline code or
 * styles, and reach for fonts and proxies of their makers; this one needs only its style sheet and reads well in `curl`.
 */
export function renderPage(document: ApiDocument, links: PageLinks): string {
  const { info, components } = document;
  const tags = entriesByTag(document);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title}</title>
        <link rel="stylesheet" href="${links.style}" />
      </head>
      <body>
        ${navigation(tags)}
        <main>
          <h1>${info.title}</h1>
          <p>${prose(info.description)} The same for machines: <a href="${links.document}">OpenAPI 3.1</a>.</p>
          ${[...tags].map(operations)}
          <h2 id="schemas">Schemas</h2>
          ${Object.entries(components.schemas).map(schemaSection)}
        </main>
      </body>
    </html> `.source;
}
