import type { ChatSnapshot, ConversationMessage } from "@chat-relay/client";

/** A message of the visitor at ten to ten, queued, unless it says otherwise. */
export function message(sequence: number | null, fields: Partial<ConversationMessage> = {}): ConversationMessage {
  const id = sequence === null ? null : `id-${sequence}`;
  return {
    key: id ?? `unsent-${fields.content ?? ""}`,
    id,
    sequence,
    role: "user",
    content: `text ${sequence}`,
    metadata: {},
    state: sequence === null ? "unsent" : "queued",
    attempts: 0,
    replyTo: null,
    createdAt: "2026-03-10T09:50:00.000Z",
    error: null,
    ...fields,
  };
}

export function reply(sequence: number, fields: Partial<ConversationMessage> = {}): ConversationMessage {
  return message(sequence, { role: "assistant", state: "received", ...fields });
}

/** A live conversation with these messages. */
export function snapshot(messages: ConversationMessage[], fields: Partial<ChatSnapshot> = {}): ChatSnapshot {
  const session = {
    sessionId: "session-1",
    authenticated: false,
    userId: null,
    metadata: {},
    createdAt: "2026-03-10T09:00:00.000Z",
    expiresAt: "2026-03-11T09:00:00.000Z",
    status: "active",
  } as const;
  const nothing = { streaming: [], hasOlder: false, loadingOlder: false, problem: null };
  return { connection: "live", session, messages, ...nothing, ...fields };
}
