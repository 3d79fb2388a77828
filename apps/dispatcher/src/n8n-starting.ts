import type { CallResult } from "./n8n-client.ts";

/** n8n's words while it prepares its database; it says them with status 200. */
const STARTING = "n8n is starting up. Please wait";

/** What its web server says of every path before its webhooks are there. A workflow that is not active is told in JSON. */
const NO_ROUTES = /<pre>Cannot POST \//;

function isHtml(contentType: string): boolean {
  return contentType.split(";")[0]?.trim().toLowerCase() === "text/html";
}

/**
 * Whether n8n has only said that it is starting: it takes connections some seconds before its workflows. No workflow has
 * seen the call, which would else be lost to the 200 or, its attempts spent within seconds, to the 404.
 */
export function isStarting(result: CallResult): boolean {
  if (result.kind !== "answered" || !isHtml(result.headers.contentType)) return false;
  const text = result.body.toString("utf8");
  return result.status === 200 ? text.trim() === STARTING : result.status === 404 && NO_ROUTES.test(text);
}
