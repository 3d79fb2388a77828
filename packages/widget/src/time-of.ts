import type { ConversationMessage } from "@chat-relay/client";
import { make } from "./make.ts";
import type { Phrases } from "./texts/phrases.ts";

/** When a message was accepted, in the reader's own time. */
export function timeOf({ createdAt }: ConversationMessage, phrases: Phrases): HTMLTimeElement {
  return make("time", { datetime: createdAt }, phrases.time(new Date(createdAt)));
}
