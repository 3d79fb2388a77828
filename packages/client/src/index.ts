export { ChatClient } from "./chat-client.ts";
export type { ChatClientOptions } from "./chat-client-options.ts";
export type { ChatStorage } from "./chat-storage.ts";
export type { ConversationMessage, MessageState } from "./conversation-message.ts";
export type { ChatProblem } from "./problem.ts";
export type { ChatSnapshot, StreamingReply } from "./snapshot.ts";
export type { ChatMessage, ChatSession, MessageStatus } from "./wire.ts";
