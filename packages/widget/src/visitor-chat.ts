import { ChatClient, type ConversationMessage } from "@chat-relay/client";
import { Arrivals } from "./arrivals.ts";
import { hintAtOrigin, hintAtProof } from "./integration-hints.ts";
import { removeItems } from "./page-storage.ts";
import { SeenMark } from "./seen-mark.ts";

/** Fetches a fresh proof of who the visitor is; null for a guest. */
export type GetUserToken = () => Promise<string | null> | string | null;

/** Who chats with which gateway. What opens a session is asked for when one is opened. */
export interface Visitor {
  readonly gateway: string;
  readonly userId: string | null;
  readonly getUserToken: GetUserToken;
  readonly getMetadata: () => Record<string, unknown>;
}

/** One visitor's conversation with one gateway, and how much of it was seen. */
export class VisitorChat {
  readonly client: ChatClient;
  #gateway: string;
  #arrivals = new Arrivals();
  #seen: SeenMark;
  #end: () => void = () => {};
  #hasHinted = false;

  constructor({ gateway, userId, getUserToken, getMetadata }: Visitor) {
    const storageKey = `${namesOf(gateway)}${encodeURIComponent(userId ?? "")} `;
    this.#gateway = gateway;
    this.#seen = new SeenMark(storageKey);
    this.client = new ChatClient({
      url: gateway,
      storageKey,
      ...(userId === null ? {} : { userId }),
      async getUserToken() {
        const token = await getUserToken();
        if (userId !== null && token === null) hintAtProof();
        return token;
      },
      get metadata() {
        return getMetadata();
      },
    });
  }

  /** Goes live. The listener hears of every change, and of the messages that came with it. */
  start(listener: (news: readonly ConversationMessage[]) => void): void {
    this.#end();
    this.#end = this.client.subscribe(() => {
      this.#hint();
      listener(this.#arrivals.take(this.client.snapshot));
    });
    this.client.start();
  }

  stop(): void {
    this.#end();
    this.client.stop();
  }

  /** Ends the session and forgets everything that any visitor of this gateway has left in this browser. */
  async forget(): Promise<void> {
    this.#end();
    const told = this.client.reset();
    removeItems(namesOf(this.#gateway));
    await told;
  }

  get unread(): number {
    return this.#seen.unread(this.client.snapshot);
  }

  /** The visitor has everything in sight. */
  markSeen(): void {
    this.#seen.set(this.client.snapshot);
  }

  /** Another tab changed this item of the storage. */
  storageChanged(name: string | null): void {
    this.#seen.reload(name);
  }

  /** Nothing was ever answered: that may be for want of a permission. */
  #hint(): void {
    const { session, problem } = this.client.snapshot;
    if (this.#hasHinted || session !== null || problem?.code !== "network") return;
    this.#hasHinted = true;
    void hintAtOrigin(this.#gateway);
  }
}

/** What the names of all items of a gateway begin with; addresses have no spaces, so none begins another. */
function namesOf(gateway: string): string {
  return `chat-relay ${gateway} `;
}
