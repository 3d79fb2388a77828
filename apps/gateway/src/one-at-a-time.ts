/** Runs works of the same key one after another, and those of different keys at once. */
export class OneAtATime {
  #tails = new Map<string, Promise<unknown>>();
  #failTogether: (error: unknown) => boolean;

  /** Who waits behind a failure that `failTogether` says is everybody's fails with it, rather than run into it too, later. */
  constructor(failTogether: (error: unknown) => boolean) {
    this.#failTogether = failTogether;
  }

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, (error: unknown) => {
      if (this.#failTogether(error)) throw error;
      return work();
    });
    this.#tails.set(key, mine);
    const leave = () => {
      if (this.#tails.get(key) === mine) this.#tails.delete(key);
    };
    mine.then(leave, leave);
    return mine;
  }

  /** Keys with work under way. */
  get size(): number {
    return this.#tails.size;
  }
}
