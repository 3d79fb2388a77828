import { idempotencyKey } from "@chat-relay/core/api-schemas";
import { fieldsError } from "@chat-relay/core/validation";

const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/;

function invalid(detail: string): never {
  throw fieldsError([{ pointer: "#/Idempotency-Key", detail }]);
}

function unquote(header: string): string {
  if (!header.startsWith('"')) return header;
  const quoted = QUOTED.exec(header)?.[1];
  return quoted === undefined ? invalid("is not a well-formed quoted string") : quoted.replaceAll(/\\(["\\])/g, "$1");
}

/** The key of an `Idempotency-Key` header, bare or quoted (a structured field's string). */
export function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const parsed = idempotencyKey.safeParse(unquote(header));
  return parsed.success ? parsed.data : invalid(parsed.error.issues[0]?.message ?? "is not valid");
}

/** The one key of a send: header and `clientMessageId` share a name space and must not differ. */
export function chooseKey(header: string | undefined, clientMessageId: string | undefined): string | null {
  const fromHeader = readIdempotencyKey(header);
  if (fromHeader !== undefined && clientMessageId !== undefined && fromHeader !== clientMessageId) {
    throw fieldsError([{ pointer: "#/clientMessageId", detail: "differs from the Idempotency-Key header" }]);
  }
  return fromHeader ?? clientMessageId ?? null;
}
