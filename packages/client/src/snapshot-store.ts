import type { ChatSnapshot } from "./snapshot.ts";

/** Makes a snapshot when one is asked for, and tells listeners of changes: once per microtask, however many there were. */
export class SnapshotStore {
  #make: () => ChatSnapshot;
  #snapshot: ChatSnapshot | null = null;
  #isTelling = false;
  #listeners = new Set<() => void>();

  constructor(make: () => ChatSnapshot) {
    this.#make = make;
  }

  get current(): ChatSnapshot {
    return (this.#snapshot ??= this.#make());
  }

  subscribe(listener: () => void): () => void {
    const own = (): void => listener(); // the same function twice is two listeners
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  changed(): void {
    this.#snapshot = null;
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => this.#tell());
  }

  #tell(): void {
    this.#isTelling = false;
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        // One that fails must not keep the others from hearing; its error goes where uncaught ones go.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
