import { DatabaseUnavailableError } from "@chat-relay/database/database";

/**
 * Takes one token at a time while this process does not reach PostgreSQL. What it fetches then it can only give back, and
 * another dispatcher, whose link is whole, would have delivered it meanwhile.
 */
export class ClaimGate {
  #inDoubt = false;

  /** How many of `wanted` may be under way, now; `held` are claimed already. */
  limit(wanted: number, held: number): number {
    if (!this.#inDoubt) return wanted;
    return held > 0 ? 0 : Math.min(1, wanted); // what is held will tell
  }

  /** Makes a claim, renews leases or settles, and learns from it whether PostgreSQL answers. */
  async through<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.#inDoubt = false;
      return result;
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) this.#inDoubt = true;
      throw error;
    }
  }
}
