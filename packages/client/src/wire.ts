export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Metadata = { [key: string]: Json };

/** What the gateway says of a message's way: `received` is a reply's, the others are a visitor's. */
export type MessageStatus = "queued" | "delivered" | "answered" | "failed" | "unanswered" | "received";

/** A message as the gateway tells it, the visitor's or a reply. */
export interface ChatMessage {
  id: string;
  sessionId: string;
  sequence: number;
  role: "user" | "assistant";
  content: string;
  messageType: "text";
  metadata: Metadata;
  status: MessageStatus;
  replyTo: string | null;
  createdAt: string;
}

/** A session as the gateway tells it; never with its token. */
export interface ChatSession {
  sessionId: string;
  authenticated: boolean;
  userId: string | null;
  metadata: Metadata;
  createdAt: string;
  expiresAt: string;
  status: "active" | "expired" | "ended";
}

/** A new session: the only time that its token is shown. */
export type StartedSession = Omit<ChatSession, "status"> & { sessionToken: string };

export interface HistoryPage {
  messages: ChatMessage[];
  pageInfo: { hasMore: boolean; before: string | null; after: string | null };
}

/** What is told of a message's way while it happens. */
export interface StatusChange {
  messageId: string;
  status: MessageStatus;
  attempts: number;
}

/** A piece of a reply that is being written: the block's text becomes its first `offset` UTF-16 units and `content`. */
export interface ReplyDelta {
  replyTo: string;
  block: number;
  offset: number;
  content: string;
}

// What is not the gateway's (a proxy's page, a captive portal's) must not pass for an answer. The gateway itself is
// trusted to keep to its own schema, so that little needs to be looked at.

function has(value: unknown, kinds: Record<string, string>): boolean {
  const fields = value as Record<string, unknown> | null | undefined;
  return Object.entries(kinds).every(([field, kind]) => typeof fields?.[field] === kind);
}

export function isMessage(value: unknown): value is ChatMessage {
  return has(value, { id: "string", sequence: "number", content: "string", status: "string" });
}

export function isPage(value: unknown): value is HistoryPage {
  const { messages } = (value ?? {}) as Partial<HistoryPage>;
  return Array.isArray(messages) && messages.every(isMessage) && has(value, { pageInfo: "object" });
}

export function isSessionPage(value: unknown): value is HistoryPage & { session: ChatSession } {
  return isPage(value) && has(value, { session: "object" });
}

export function isStartedSession(value: unknown): value is StartedSession {
  return has(value, { sessionId: "string", sessionToken: "string" });
}

export function isStatusChange(value: unknown): value is StatusChange {
  return has(value, { messageId: "string", status: "string", attempts: "number" });
}

export function isReplyDelta(value: unknown): value is ReplyDelta {
  return has(value, { replyTo: "string", block: "number", offset: "number", content: "string" });
}
