import type { ChatSnapshot, ConversationMessage, MessageState } from "@chat-relay/client";
import { messageNote, type MessageNote, type NoteContext } from "./message-note.ts";

/** One entry of the list that is shown. Its key stays the same as long as it is the same entry. */
export type ListItem =
  | { readonly kind: "day"; readonly key: string; readonly date: Date }
  | {
      readonly kind: "message";
      readonly key: string;
      readonly message: ConversationMessage;
      /** The message's state, or that its reply is being written. */
      readonly state: MessageState | "answering";
      readonly note: MessageNote | null;
    }
  | { readonly kind: "reply"; readonly key: string; readonly replyTo: string; readonly text: string }
  | { readonly kind: "typing"; readonly key: "typing" };

/** So long a reply is expected at any moment. */
export const EXPECTED_MS = 60_000;

/**
 * What is shown, in its order: the accepted messages with their days, the reply that is being written where it will
 * stay, and below it what is not sent yet.
 */
export function listItems(snapshot: ChatSnapshot, now: number): ListItem[] {
  const answering = new Set(snapshot.streaming.map(({ replyTo }) => replyTo));
  const accepted = snapshot.messages.filter(({ sequence }) => sequence !== null);
  const unsent = snapshot.messages.filter(({ sequence }) => sequence === null);
  const show = (message: ConversationMessage): ListItem =>
    messageItem(message, {
      isOffline: snapshot.connection === "offline",
      isAnswering: message.id !== null && answering.has(message.id),
      isOverdue: isOverdue(message, now),
      isRepeated: isRepeated(message, snapshot.messages),
    });
  return [
    ...accepted.flatMap((message, index) => [...dayBefore(message, accepted[index - 1]), show(message)]),
    ...replies(snapshot),
    ...(isTyping(snapshot, now) ? [{ kind: "typing", key: "typing" } as const] : []),
    ...unsent.map(show),
  ];
}

/** When the list looks different although nothing has happened: a reply is no longer expected. null for never. */
export function nextLook({ messages }: ChatSnapshot, now: number): number | null {
  const ends = messages.filter(isPending).map(({ createdAt }) => Date.parse(createdAt) + EXPECTED_MS);
  const next = Math.min(...ends.filter((end) => end > now));
  return Number.isFinite(next) ? next : null;
}

const shown = new WeakMap<ConversationMessage, { context: string; item: ListItem }>();

/** The same object as before when nothing about it has changed, so that nothing is done about it. */
function messageItem(message: ConversationMessage, context: NoteContext): ListItem {
  const before = shown.get(message);
  const now = Object.values(context).join();
  if (before?.context === now) return before.item;
  const state = context.isAnswering ? "answering" : message.state;
  const item: ListItem = { kind: "message", key: message.key, message, state, note: messageNote(message, context) };
  shown.set(message, { context: now, item });
  return item;
}

function replies({ streaming }: ChatSnapshot): ListItem[] {
  return streaming.flatMap(({ replyTo, blocks }) =>
    blocks.flatMap((text, block): ListItem[] =>
      text === "" ? [] : [{ kind: "reply", key: `reply:${replyTo}:${block}`, replyTo, text }],
    ),
  );
}

/** Whether the dots are shown. Not while the first attempt has failed: the message itself says what is going on. */
function isTyping({ connection, streaming, messages }: ChatSnapshot, now: number): boolean {
  const isExpected = (message: ConversationMessage): boolean =>
    isPending(message) && !isOverdue(message, now) && !(message.state === "queued" && message.attempts > 0);
  return connection === "live" && streaming.length === 0 && messages.some(isExpected);
}

function isPending({ state }: ConversationMessage): boolean {
  return state === "queued" || state === "delivered";
}

function isOverdue(message: ConversationMessage, now: number): boolean {
  return isPending(message) && now - Date.parse(message.createdAt) >= EXPECTED_MS;
}

function isRepeated(message: ConversationMessage, all: readonly ConversationMessage[]): boolean {
  if (message.state !== "failed" && message.state !== "unanswered") return false;
  const later = all.slice(all.indexOf(message) + 1);
  return later.some(({ role, content }) => role === "user" && content === message.content);
}

function dayBefore(message: ConversationMessage, previous: ConversationMessage | undefined): ListItem[] {
  const date = dateOf(message);
  const isSame = previous !== undefined && dateOf(previous).toDateString() === date.toDateString();
  return isSame ? [] : [{ kind: "day", key: `day:${date.toDateString()}`, date }];
}

const dates = new WeakMap<ConversationMessage, Date>();

/** Parsed once: the list is made anew with every piece of a streamed reply. */
function dateOf(message: ConversationMessage): Date {
  const date = dates.get(message) ?? new Date(message.createdAt);
  dates.set(message, date);
  return date;
}
