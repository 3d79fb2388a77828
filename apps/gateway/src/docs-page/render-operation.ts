import { html, prose, type Html } from "./html.ts";
import type { Operation, Parameter, Response } from "./openapi-types.ts";
import { schemaTable, schemaType } from "./render-schema.ts";

function parameterRow({ name, in: place, required, description, schema }: Parameter): Html {
  const fallback = schema.default === undefined ? "" : html` Default: <code>${JSON.stringify(schema.default)}</code>.`;
  return html`<tr>
    <th scope="row"><code>${name}</code>${required === true ? "" : html` <small>optional</small>`}</th>
    <td>${place}</td>
    <td>${schemaType(schema)}</td>
    <td>${prose(description)}${fallback}</td>
  </tr>`;
}

function parameters(operation: Operation): Html {
  if (operation.parameters === undefined) return html``;
  return html`<h4>Parameters</h4>
    <table>
      ${operation.parameters.map(parameterRow)}
    </table>`;
}

function requestBody(operation: Operation): Html {
  const { requestBody: body } = operation;
  if (body === undefined) return html``;
  const contents = Object.entries(body.content).map(
    ([type, { schema }]) =>
      html`<p><code>${type}</code></p>
        ${schemaTable(schema)}`,
  );
  return html`<h4>Body${body.required === true ? "" : html` <small>optional</small>`}</h4>
    ${contents}`;
}

function responseRow([status, response]: [string, Response]): Html {
  const body = Object.values(response.content ?? {}).map(({ schema }) => schemaType(schema));
  const headers = Object.keys(response.headers ?? {}).map(
    (name, index) => html`${index > 0 ? ", " : ""}<code>${name}</code>`,
  );
  return html`<tr>
    <th scope="row">${status}</th>
    <td>${prose(response.description)}</td>
    <td>${body}</td>
    <td>${headers}</td>
  </tr>`;
}

function authorization(operation: Operation): string {
  const scheme = Object.keys(operation.security?.[0] ?? {})[0];
  return scheme === undefined ? "No token needed." : `Needs the ${scheme} token.`;
}

/** One operation: how to call it and what comes back. */
export function renderOperation(method: string, path: string, operation: Operation): Html {
  return html`<section id="${operation.operationId}">
    <h3><span class="method">${method.toUpperCase()}</span> <code>${path}</code></h3>
    <p><strong>${operation.summary}.</strong> ${prose(operation.description)} ${authorization(operation)}</p>
    ${parameters(operation)}${requestBody(operation)}
    <h4>Responses</h4>
    <table>
      ${Object.entries(operation.responses).map(responseRow)}
    </table>
  </section>`;
}
