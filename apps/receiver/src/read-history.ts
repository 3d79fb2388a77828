import { historyRequestSchema } from "@chat-relay/core/api-schemas";
import type { ChatConfig } from "@chat-relay/core/config";
import { isId } from "@chat-relay/core/ids";
import { fieldsError, parseInput } from "@chat-relay/core/validation";
import type { Database } from "@chat-relay/database/database";
import { findSessionById } from "@chat-relay/database/find-session";
import { readMessages, type MessagePage } from "@chat-relay/database/read-messages";
import { REFUSALS } from "./refusals.ts";
import { parseSignedJson } from "./signed-json.ts";
import type { VerifiedRequest } from "./verify-request.ts";

/** Reads a page of a session's history for a workflow, or throws why it is refused. The session may be over. */
export function createReadHistory({ config, database }: { config: ChatConfig; database: Database }) {
  const schema = historyRequestSchema(config);
  return async ({ contentType, body }: Omit<VerifiedRequest, "id">): Promise<MessagePage> => {
    const { sessionId, limit, before } = parseInput(schema, parseSignedJson(contentType, body));
    const session = isId(sessionId) ? await findSessionById(database, sessionId) : undefined;
    if (session === undefined) throw REFUSALS.session_not_found();
    const page = await readMessages(database, { sessionId, limit, before: before ?? undefined });
    if (page !== undefined) return page;
    throw fieldsError([{ pointer: "#/before", detail: "is not a cursor of this session" }]);
  };
}
