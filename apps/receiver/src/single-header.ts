import type { IncomingMessage } from "node:http";

/**
 * A header that was sent exactly once. Node joins repeated ones into a list, of which a proxy in front of us may have
 * looked at another part than we do.
 */
export function singleHeader(request: Pick<IncomingMessage, "rawHeaders">, name: string): string | undefined {
  const { rawHeaders } = request;
  const values = rawHeaders.filter((_value, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
  return values.length === 1 ? values[0] : undefined;
}
