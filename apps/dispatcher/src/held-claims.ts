import type { Claim } from "@chat-relay/database/claim-delivery";
import type { Database } from "@chat-relay/database/database";
import { renewLeases } from "@chat-relay/database/renew-leases";

interface Held {
  claim: Claim;
  abort: AbortController;
}

/** The deliveries that this process has claimed and not yet settled. */
export class HeldClaims {
  #held = new Set<Held>();
  #database: Database;
  #leaseMs: number;
  #handedBack = false;

  constructor(database: Database, leaseMs: number) {
    this.#database = database;
    this.#leaseMs = leaseMs;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Keeps the claim's lease alive while the work runs; the signal says that it was lost, or that all are handed back. */
  async whileHeld<T>(claim: Claim, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const held = { claim, abort: new AbortController() };
    this.#held.add(held);
    if (this.#handedBack) held.abort.abort(); // claimed just as the process began to end
    try {
      return await work(held.abort.signal);
    } finally {
      this.#held.delete(held);
    }
  }

  /** Renews all leases in one statement. A call whose lease another process has taken is given up. */
  async renew(): Promise<void> {
    const held = [...this.#held];
    const alive = await renewLeases(
      this.#database,
      held.map((item) => item.claim),
      this.#leaseMs,
    );
    for (const item of held) {
      if (!alive.has(item.claim.sessionId)) item.abort.abort();
    }
  }

  /** Gives all calls up: the process is about to end. */
  handBack(): void {
    this.#handedBack = true;
    for (const item of this.#held) item.abort.abort();
  }
}
