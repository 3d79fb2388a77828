import type { ChatStorage } from "../chat-storage.ts";

/** A storage as custom ones are: it cannot tell its keys. */
export class TestStorage implements ChatStorage {
  readonly items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }

  removeItem(key: string): void {
    this.items.delete(key);
  }
}

/** A storage as a page's own: it can. */
export class PageStorage extends TestStorage {
  get length(): number {
    return this.items.size;
  }

  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }
}

/** A storage of a page that may not use it. */
export class BlockedStorage implements ChatStorage {
  getItem(): string | null {
    throw new Error("blocked");
  }

  setItem(): void {
    throw new Error("blocked");
  }

  removeItem(): void {
    throw new Error("blocked");
  }
}

/** A storage without a byte to spare: it can be read. */
export class FullStorage extends TestStorage {
  isFull = true;

  override setItem(key: string, value: string): void {
    if (this.isFull) throw new Error("quota exceeded");
    super.setItem(key, value);
  }
}
