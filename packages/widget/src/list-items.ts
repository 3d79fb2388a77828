import type { ChatSnapshot, ConversationMessage, MessageState, StreamingReply } from "@chat-relay/client";
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
 * What is shown, in its order: the messages with their days, the reply that is being written where it will stay, and
 * below it what is not sent yet.
 */
export function listItems(snapshot: ChatSnapshot, now: number): ListItem[] {
  const { messages, streaming } = snapshot;
  const answering = new Set(streaming.map(({ replyTo }) => replyTo));
  const show = (message: ConversationMessage): ListItem =>
    messageItem(message, {
      isOffline: snapshot.connection === "offline",
      isAnswering: message.id !== null && answering.has(message.id),
      isOverdue: isOverdue(message, now),
      isRepeated: isRepeated(message, messages),
    });
  const placed = messages.slice(0, messages.findLastIndex(({ sequence }) => sequence !== null) + 1);
  const unsent = messages.slice(placed.length);
  // The answer to one that is on its way may begin before that is known to be accepted.
  const isKnown = ({ replyTo }: StreamingReply): boolean => messages.some(({ id }) => id === replyTo);
  const underWay = streaming.every(isKnown) ? 0 : unsent.findIndex(({ state }) => state === "unsent") + 1;
  return [
    ...placed.flatMap((message, index) => [...dayBefore(placed, index), show(message)]),
    ...replies(streaming.filter(isKnown)),
    ...(isTyping(snapshot, now) ? [{ kind: "typing", key: "typing" } as const] : []),
    ...unsent.slice(0, underWay).map(show),
    ...replies(streaming.filter((reply) => !isKnown(reply))),
    ...unsent.slice(underWay).map(show),
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

function replies(streaming: readonly StreamingReply[]): ListItem[] {
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

function dayBefore(messages: readonly ConversationMessage[], index: number): ListItem[] {
  const date = dayAt(messages, index);
  if (date === null || dayAt(messages, index - 1)?.toDateString() === date.toDateString()) return [];
  return [{ kind: "day", key: `day:${date.toDateString()}`, date }];
}

/** Of a message that is not accepted yet it is the next one's: its own time is this device's. */
function dayAt(messages: readonly ConversationMessage[], index: number): Date | null {
  const message = messages[index];
  if (message === undefined) return null;
  return message.sequence === null ? dayAt(messages, index + 1) : dateOf(message);
}

const dates = new WeakMap<ConversationMessage, Date>();

/** Parsed once: the list is made anew with every piece of a streamed reply. */
function dateOf(message: ConversationMessage): Date {
  const date = dates.get(message) ?? new Date(message.createdAt);
  dates.set(message, date);
  return date;
}
