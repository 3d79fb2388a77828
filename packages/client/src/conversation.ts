import type { ConversationMessage } from "./conversation-message.ts";
import { laterState, mayFollow } from "./message-states.ts";
import { StreamingReplies } from "./streaming-replies.ts";
import type { UnsentMessage, UnsentMessages } from "./unsent-messages.ts";
import type { ChatMessage, HistoryPage, StatusChange } from "./wire.ts";

/**
 * What is known of a session's messages, put together from what the stream, the history and the answers to sends tell
 * of the same messages, in any order.
 */
export class Conversation {
  readonly streaming = new StreamingReplies();
  /** Leads to older history; null when there is none. */
  older: string | null = null;
  #unsent: UnsentMessages;
  #onDoubt: (content: string) => void;
  #messages = new Map<string, ConversationMessage>();
  /** Messages that may be our own, under way: which one is known when the send is answered. */
  #held = new Map<string, ChatMessage>();
  #told = new Map<string, StatusChange>();
  /** Those known before the stream lost its place. */
  #outdated = new Map<string, ConversationMessage>();
  /** How far the stream has told, without a gap. */
  #streamed: number | null = null;
  #highest = 0;
  #list: readonly ConversationMessage[] | null = null;

  /** `onDoubt` hears of each message that is held back. */
  constructor(unsent: UnsentMessages, onDoubt: (content: string) => void) {
    this.#unsent = unsent;
    this.#onDoubt = onDoubt;
  }

  /** The same array until something changes. */
  get list(): readonly ConversationMessage[] {
    this.#list ??= this.#inOrder();
    return this.#list;
  }

  /** The sequence of the newest message known. */
  get highest(): number {
    return this.#highest;
  }

  /** What is unsent has changed: another message may have become the only one of its content. */
  unsentChanged(): void {
    this.#list = null;
    for (const message of this.#held.values()) if (!this.#mayBeOwn(message)) this.#show(message);
  }

  /** A message that the stream tells. False when one before it was left out. */
  takeStreamed(message: ChatMessage): boolean {
    const isNext = this.#streamed === null || message.sequence <= this.#streamed + 1;
    this.#streamed = Math.max(this.#streamed ?? 0, message.sequence);
    this.#take(message);
    if (message.replyTo !== null) this.streaming.finish(message.replyTo);
    return isNext;
  }

  /** The unsent message of this key was accepted, and is this one. */
  accept(key: string, message: ChatMessage): void {
    this.#unsent.remove(key);
    this.#show(message, key);
    this.unsentChanged();
  }

  tell(change: StatusChange): void {
    const { messageId: id, status, attempts } = change;
    const known = this.#messages.get(id);
    const before = known?.state ?? this.#told.get(id)?.status;
    if (before !== undefined && !mayFollow(before, status)) return;
    this.#told.set(id, change);
    // An attempt failed: its text was withdrawn, which a reader that was away did not hear.
    if (status === "queued" || status === "failed") this.streaming.finish(id);
    if (known !== undefined) this.#put(id, { ...known, state: status, attempts });
  }

  /** The newest page: replaces what came before a gap, and what is out of date. */
  showNewest({ messages, pageInfo }: HistoryPage): void {
    for (const [id, message] of this.#outdated) if (this.#messages.get(id) === message) this.#messages.delete(id);
    const first = messages[0]?.sequence ?? 1;
    const known = [...this.#messages.values(), ...this.#held.values()];
    if (!known.some(({ sequence }) => sequence === first - 1)) {
      for (const [id, { sequence }] of this.#messages) if ((sequence ?? 0) < first) this.#messages.delete(id);
      this.older = pageInfo.hasMore ? pageInfo.before : null;
    }
    this.#takeAll(messages);
    this.#outdated.clear();
    this.#streamed = Math.max(this.#streamed ?? 0, messages.at(-1)?.sequence ?? 0);
  }

  /** The page that a cursor led to; one that leads nowhere any more is let go. */
  showOlder(cursor: string, { messages, pageInfo }: HistoryPage): void {
    if (cursor !== this.older) return;
    this.older = pageInfo.hasMore ? pageInfo.before : null;
    this.#takeAll(messages);
  }

  /** The stream lost its place: what is known holds until the newest page is there. */
  loseTrack(): void {
    this.#outdated = new Map(this.#messages);
    this.#told.clear();
    this.#streamed = null;
    this.streaming.clear();
  }

  /** Another session, or none. */
  clear(): void {
    this.loseTrack();
    this.#messages.clear();
    this.#outdated.clear();
    this.#held.clear();
    this.#highest = 0;
    this.older = null;
    this.#list = null;
  }

  #inOrder(): ConversationMessage[] {
    const places = this.#placesOfUnsent();
    const placeOf = ({ sequence, key }: ConversationMessage): number =>
      sequence ?? places.get(key) ?? Number.MAX_SAFE_INTEGER;
    // oxlint-disable-next-line unicorn/no-array-sort -- toSorted is younger than the browsers that we build for
    return [...this.#messages.values(), ...this.#unsent.all.map(({ shown }) => shown)].sort(
      (a, b) => placeOf(a) - placeOf(b),
    );
  }

  /** An own message stands where the one that may be it does: its reply may be told before its send is answered. */
  #placesOfUnsent(): Map<string, number> {
    const places = new Map<string, number>();
    for (const message of this.#held.values()) {
      const own = this.#unsent.all.find((unsent) => mayBe(unsent, message) && !places.has(unsent.shown.key));
      if (own !== undefined) places.set(own.shown.key, message.sequence);
    }
    return places;
  }

  #takeAll(messages: readonly ChatMessage[]): void {
    this.#list = null;
    for (const message of messages) this.#take(message);
  }

  #take(message: ChatMessage): void {
    this.#highest = Math.max(this.#highest, message.sequence);
    if (this.#messages.has(message.id) || !this.#mayBeOwn(message)) return this.#show(message);
    this.#held.set(message.id, message);
    this.#list = null;
    this.#onDoubt(message.content);
  }

  #mayBeOwn(message: ChatMessage): boolean {
    return message.role === "user" && this.#unsent.all.some((unsent) => mayBe(unsent, message));
  }

  #show(message: ChatMessage, ownKey?: string): void {
    const { id, sequence, role, content, metadata, replyTo, createdAt } = message;
    this.#held.delete(id);
    this.#highest = Math.max(this.#highest, sequence);
    const known = this.#messages.get(id);
    const told = this.#told.get(id);
    const before = known?.state ?? told?.status;
    const state = before === undefined ? message.status : laterState(before, message.status);
    const attempts = known?.attempts ?? told?.attempts ?? 0;
    const key = ownKey ?? known?.key ?? this.#outdated.get(id)?.key ?? id;
    if (known?.key === key && known.state === state) return;
    this.#put(id, { key, id, sequence, role, content, metadata, state, attempts, replyTo, createdAt, error: null });
    if (known === undefined && replyTo !== null) this.streaming.finish(replyTo);
  }

  #put(id: string, message: ConversationMessage): void {
    this.#messages.set(id, message);
    this.#list = null;
  }
}

/** Whether the visitor's message may be this unsent one. */
function mayBe({ shown, after }: UnsentMessage, { sessionId, sequence, content }: ChatMessage): boolean {
  const isEarlier = after?.sessionId === sessionId && after.sequence >= sequence;
  return shown.state === "unsent" && shown.content === content && !isEarlier;
}
