import type { PageInfo } from "@chat-relay/core/api-schemas";
import { isId } from "@chat-relay/core/ids";
import type { ChatMessage } from "@chat-relay/core/message";
import type { Database } from "./database.ts";
import { MESSAGE_COLUMNS, toChatMessage, type MessageRow } from "./message-row.ts";

export interface PageQuery {
  sessionId: string;
  limit: number;
  before?: string | undefined;
  after?: string | undefined;
}

export interface MessagePage {
  messages: ChatMessage[];
  pageInfo: PageInfo;
}

const SELECT = `SELECT ${MESSAGE_COLUMNS} FROM chat_message m LEFT JOIN chat_webhook_queue q ON q.message_id = m.id`;

const NEWEST = { name: "messages-newest", text: `${SELECT} WHERE m.session_id = $1 ORDER BY m.sequence DESC LIMIT $2` };
const BEFORE = {
  name: "messages-before",
  text: `${SELECT} WHERE m.session_id = $1 AND m.sequence < $3 ORDER BY m.sequence DESC LIMIT $2`,
};
const AFTER = {
  name: "messages-after",
  text: `${SELECT} WHERE m.session_id = $1 AND m.sequence > $3 ORDER BY m.sequence LIMIT $2`,
};
const ALL = { name: "messages-all", text: `${SELECT} WHERE m.session_id = $1 ORDER BY m.sequence` };
const BY_KEY = { name: "message-by-key", text: `${SELECT} WHERE m.session_id = $1 AND m.idempotency_key = $2` };
const LAST_SAYING = {
  name: "message-last-saying",
  text: `${SELECT} WHERE m.session_id = $1 AND m.role = 'user' AND m.content = $2 ORDER BY m.sequence DESC LIMIT 1`,
};
const CURSOR = { name: "message-cursor", text: "SELECT sequence FROM chat_message WHERE id = $1 AND session_id = $2" };

/** The message that an earlier send with this idempotency key made. */
export async function findMessageByKey(
  database: Database,
  sessionId: string,
  key: string,
): Promise<ChatMessage | undefined> {
  const [row] = await database.query<MessageRow>(BY_KEY, [sessionId, key]);
  return row === undefined ? undefined : toChatMessage(row);
}

/** The visitor's last message with exactly this text. Reads back through the session until it finds one. */
export async function findLastSaying(
  database: Database,
  sessionId: string,
  content: string,
): Promise<ChatMessage | undefined> {
  const [row] = await database.query<MessageRow>(LAST_SAYING, [sessionId, content]);
  return row === undefined ? undefined : toChatMessage(row);
}

/** All messages of a session, oldest first. */
export async function readAllMessages(database: Database, sessionId: string): Promise<ChatMessage[]> {
  return (await database.query<MessageRow>(ALL, [sessionId])).map(toChatMessage);
}

async function cursorSequence(database: Database, sessionId: string, cursor: string): Promise<number | undefined> {
  if (!isId(cursor)) return undefined;
  const [row] = await database.query<{ sequence: number }>(CURSOR, [cursor, sessionId]);
  return row?.sequence;
}

function toPage(rows: MessageRow[], limit: number, forward: boolean, cursor: string | undefined): MessagePage {
  const kept = rows.slice(0, limit).map(toChatMessage);
  const messages = forward ? kept : kept.toReversed();
  const first = messages[0];
  // Sequences have no gaps, so 1 is the oldest. On an empty page the cursor that was given stays the one to poll with.
  const before = first !== undefined && first.sequence > 1 ? first.id : null;
  const after = messages.at(-1)?.id ?? cursor ?? null;
  return { messages, pageInfo: { hasMore: rows.length > limit, before, after } };
}

/** A page of a session's history, oldest first; undefined for an unknown cursor. A cursor is a message's id. */
export async function readMessages(database: Database, page: PageQuery): Promise<MessagePage | undefined> {
  const { sessionId, limit } = page;
  const cursor = page.before ?? page.after;
  if (cursor === undefined) {
    return toPage(await database.query<MessageRow>(NEWEST, [sessionId, limit + 1]), limit, false, undefined);
  }
  const sequence = await cursorSequence(database, sessionId, cursor);
  if (sequence === undefined) return undefined;
  const forward = page.after !== undefined;
  const rows = await database.query<MessageRow>(forward ? AFTER : BEFORE, [sessionId, limit + 1, sequence]);
  return toPage(rows, limit, forward, cursor);
}
