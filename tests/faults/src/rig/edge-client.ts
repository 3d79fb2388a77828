import { rawRequest, type RawAnswer, type RawRequest } from "./raw-http.ts";
import type { Visitor } from "./load.ts";
import type { SupervisedService } from "./supervised-service.ts";

export const SESSION_PATH = "/api/chat/session";
export const SEND_PATH = "/api/chat/send";

const JSON_TYPE = { "content-type": "application/json" };

type Extra = Pick<RawRequest, "from" | "headers" | "giveUpMs">;

function bodyOf(body: object | string | Buffer): string | Buffer {
  return typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
}

/** The headers of a visitor's request. */
export function visitorHeaders({ sessionToken }: Pick<Visitor, "sessionToken">): Record<string, string> {
  return { authorization: `Bearer ${sessionToken}` };
}

/** Asks a gateway for a session, once. */
export function startSession(
  gateway: SupervisedService,
  body: object | string | Buffer = {},
  extra: Extra = {},
): Promise<RawAnswer> {
  return rawRequest(gateway.url, {
    path: SESSION_PATH,
    ...extra,
    headers: { ...JSON_TYPE, ...extra.headers },
    body: bodyOf(body),
  });
}

/** Sends a message, once; an object gets the session's id. */
export function sendOnce(
  gateway: SupervisedService,
  visitor: Visitor,
  body: object | string | Buffer,
  extra: Extra = {},
): Promise<RawAnswer> {
  const whole = typeof body === "string" || Buffer.isBuffer(body) ? body : { sessionId: visitor.sessionId, ...body };
  const headers = { ...JSON_TYPE, ...visitorHeaders(visitor), ...extra.headers };
  return rawRequest(gateway.url, { path: SEND_PATH, ...extra, headers, body: bodyOf(whole) });
}

/** A session that the ledger checker does not look at, since its history may not be read in the end. */
export async function unwatchedVisitor(gateway: SupervisedService): Promise<Visitor> {
  const answer = await startSession(gateway);
  if (answer.status !== 201) throw new Error(`session: ${answer.status} ${answer.text}`);
  const { sessionId, sessionToken } = JSON.parse(answer.text) as Visitor;
  return { sessionId, sessionToken };
}
