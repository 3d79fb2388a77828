import type { ChatClientOptions } from "./chat-client-options.ts";
import { Conversation } from "./conversation.ts";
import type { ConversationMessage } from "./conversation-message.ts";
import { Gateway } from "./gateway.ts";
import { KeptItems, pageStorage } from "./kept-items.ts";
import { newMessageKey } from "./message-key.ts";
import { MessageSender } from "./message-sender.ts";
import { currentPage, isHidden, watchPage, type Page } from "./page-events.ts";
import { pause, wakeAll, type Sleepers } from "./pause.ts";
import { SendQueue } from "./send-queue.ts";
import { SessionFollower } from "./session-follower.ts";
import { SessionKeeper } from "./session-keeper.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import type { ChatSnapshot } from "./snapshot.ts";
import { TIMING, type Timing } from "./timing.ts";
import { UnsentMessages } from "./unsent-messages.ts";

/** What only tests set. */
export interface Internals {
  readonly timing?: Partial<Timing>;
  readonly page?: Page;
}

/** Ties a session's stream and history, the unsent messages and the snapshots together. */
export class ChatEngine {
  readonly store = new SnapshotStore(() => this.#makeSnapshot());
  #timing: Timing;
  #page: Page;
  #gateway: Gateway;
  #unsent: UnsentMessages;
  #conversation: Conversation;
  #sessions: SessionKeeper;
  #follower: SessionFollower;
  #queue: SendQueue;
  #sleepers: Sleepers = new Set();
  #run: AbortController | null = null;

  constructor(options: ChatClientOptions, { timing, page }: Internals) {
    this.#timing = { ...TIMING, ...timing };
    this.#page = page ?? currentPage();
    this.#gateway = new Gateway(options.url, options.fetch);
    const storage = options.storage ?? pageStorage();
    const nameSpace = options.storageKey ?? ["chat-relay", this.#gateway.base, options.userId ?? ""].join(":");
    const kept = new KeptItems(storage, nameSpace);
    this.#unsent = new UnsentMessages(kept);
    this.#conversation = new Conversation(this.#unsent, (content) => this.#queue.doubt(content));
    const parts = {
      gateway: this.#gateway,
      timing: this.#timing,
      sleepers: this.#sleepers,
      unsent: this.#unsent,
      conversation: this.#conversation,
      onChange: () => this.store.changed(),
    };
    this.#sessions = new SessionKeeper({ ...parts, kept, visitor: options });
    this.#follower = new SessionFollower({ ...parts, sessions: this.#sessions, onGone: () => this.#goOn() });
    // Only pages of one origin that use its own storage share one: others have nothing to wait for.
    const lockName = storage !== null && storage === pageStorage() ? nameSpace : null;
    const sender = new MessageSender({ ...parts, sessions: this.#sessions, follower: this.#follower, lockName });
    this.#queue = new SendQueue({ ...parts, deliver: (message, signal) => sender.deliver(message, signal) });
  }

  start(): void {
    if (this.#run !== null) return;
    this.#run = new AbortController();
    this.#watch(this.#run.signal);
    this.#unsent.adopt();
    this.#conversation.unsentChanged();
    this.#follower.start(this.#run.signal);
    this.#flush();
  }

  send(content: string, metadata: Record<string, unknown>): ConversationMessage {
    const message: ConversationMessage = {
      key: newMessageKey(),
      id: null,
      sequence: null,
      role: "user",
      content,
      metadata: JSON.parse(JSON.stringify(metadata)), // what the caller does to its object later is not in the message
      state: "unsent",
      attempts: 0,
      replyTo: null,
      createdAt: new Date().toISOString(),
      error: null,
    };
    const { access } = this.#follower;
    const after = access && { sessionId: access.sessionId, sequence: this.#conversation.highest };
    this.#unsent.add(message, after);
    this.#flush();
    return message;
  }

  retry(key: string): void {
    const message = this.#conversation.list.find((message) => message.key === key);
    if (message?.state === "failed" || message?.state === "unanswered") {
      this.send(message.content, message.metadata);
    } else if (message?.state === "rejected") {
      this.#unsent.mark(key, null);
      this.#flush();
    }
  }

  discard(key: string): void {
    this.#unsent.remove(key);
    this.#flush();
  }

  async loadOlder(): Promise<void> {
    const { access, signal, history } = this.#follower;
    if (access !== null && signal !== null) await history.loadOlder(access, signal);
  }

  stop(): void {
    if (this.#run === null) return; // a listener may stop whatever it hears
    this.#run.abort();
    this.#run = null;
    this.#follower.stop();
  }

  async reset(): Promise<void> {
    const access = this.#follower.access ?? this.#sessions.stored;
    this.stop();
    this.#unsent.clear();
    this.#follower.clear();
    this.#sessions.forget(access);
    if (access === null) return;
    const call = { method: "DELETE", path: "/session", token: access.sessionToken, keepalive: true } as const;
    const isExpected = (_data: unknown): _data is unknown => true;
    const { signal } = new AbortController();
    await this.#gateway.call({ ...call, timeoutMs: this.#timing.farewellMs, signal, isExpected });
  }

  #watch(signal: AbortSignal): void {
    const follower = this.#follower;
    watchPage(this.#page, signal, {
      back: () => {
        follower.back();
        wakeAll(this.#sleepers);
        // A tab that was closed meanwhile may have left something.
        this.#unsent.adopt();
        this.#flush();
      },
      hidden: () => {
        void pause(this.#timing.awayMs, signal).then(() => {
          if (!signal.aborted && isHidden(this.#page)) follower.rest();
        });
      },
      offline: () => follower.offline(),
      stored: (key) => {
        if (key === null || key === this.#sessions.storedAs) follower.heed();
      },
    });
  }

  /** A session is gone. A logout in another tab took what was unsent with it; the rest goes to the next session. */
  #goOn(): void {
    this.#unsent.dropTaken();
    this.#flush();
  }

  #flush(): void {
    this.#queue.dropUnwanted();
    this.#conversation.unsentChanged();
    this.store.changed();
    if (this.#run !== null && this.#unsent.next() !== undefined) this.#queue.run(this.#run.signal);
  }

  #makeSnapshot(): ChatSnapshot {
    const { connection, session, problem, history } = this.#follower;
    return {
      connection,
      session,
      messages: this.#conversation.list,
      streaming: this.#conversation.streaming.list,
      hasOlder: this.#conversation.older !== null,
      loadingOlder: history.isLoadingOlder,
      problem,
    };
  }
}
