import { ChatEngine, type Internals } from "./chat-engine.ts";
import type { ChatClientOptions } from "./chat-client-options.ts";
import type { ConversationMessage } from "./conversation-message.ts";
import type { ChatSnapshot } from "./snapshot.ts";

/** A visitor's conversation with a gateway, kept whole through network loss, restarts and reloads. */
export class ChatClient {
  #engine: ChatEngine;

  constructor(options: ChatClientOptions);
  /** @internal Tests need shorter times, and a page of their own. */
  constructor(options: ChatClientOptions, internals: Internals);
  constructor(options: ChatClientOptions, internals: Internals = {}) {
    this.#engine = new ChatEngine(options, internals);
  }

  /** All there is to show now; immutable, and a new object whenever something changed. */
  get snapshot(): ChatSnapshot {
    return this.#engine.store.current;
  }

  /** Calls the listener after changes, once per microtask however many there were. Returns the way to end that. */
  subscribe(listener: () => void): () => void {
    return this.#engine.store.subscribe(listener);
  }

  /**
   * Resumes the session if there is one, loads its newest page and goes live; heals until `stop()`. Without a session
   * nothing is opened before the first `send`. Calling it twice changes nothing.
   */
  start(): void {
    this.#engine.start();
  }

  /** Shows the message at once as "unsent" and keeps it; it is delivered in order as soon as the client is started. */
  send(content: string, options: { metadata?: Record<string, unknown> } = {}): ConversationMessage {
    return this.#engine.send(content, options.metadata ?? {});
  }

  /** Sends a rejected message again; a failed or unanswered one anew, as a new message. Others are left alone. */
  retry(key: string): void {
    this.#engine.retry(key);
  }

  /** Forgets an unsent or rejected message. One that is on its way may have been accepted: it is then shown as such. */
  discard(key: string): void {
    this.#engine.discard(key);
  }

  /** Loads one older page in front, if there is one; settles when it is there, or nobody waits for it any more. */
  loadOlder(): Promise<void> {
    return this.#engine.loadOlder();
  }

  /** Closes the stream and leaves no timer behind; keeps the session and what is unsent. */
  stop(): void {
    this.#engine.stop();
  }

  /**
   * Logs out: stops, forgets the session's token, its history and what is unsent, and ends the session at the gateway
   * as far as that can be reached. The next `start()` begins anew.
   */
  reset(): Promise<void> {
    return this.#engine.reset();
  }
}
