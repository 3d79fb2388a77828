import type { ChatStorage } from "./chat-storage.ts";

type Enumerable = ChatStorage & Pick<Storage, "length" | "key">;

/** The page's own storage; reading the property alone throws where the browser blocks it. */
export function pageStorage(): ChatStorage | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}

/**
 * Items under one name space of a storage. What the storage does not take (private mode, quota, blocked) is kept in
 * memory: the conversation goes on, it is only not there after a reload.
 */
export class KeptItems {
  #storage: ChatStorage | null;
  #prefix: string;
  #memory = new Map<string, string>();

  constructor(storage: ChatStorage | null, nameSpace: string) {
    this.#storage = storage;
    this.#prefix = `${nameSpace}.`;
  }

  /** The item's full name in the storage. */
  nameOf(key: string): string {
    return this.#prefix + key;
  }

  get(key: string): string | null {
    return this.#memory.get(key) ?? this.#try((storage) => storage.getItem(this.nameOf(key))) ?? null;
  }

  set(key: string, value: string): void {
    const isStored = this.#try((storage) => {
      storage.setItem(this.nameOf(key), value);
      this.#list(storage, (keys) => keys.add(key));
      return true;
    });
    if (isStored) this.#memory.delete(key);
    else this.#memory.set(key, value);
  }

  remove(key: string): void {
    this.#memory.delete(key);
    this.#try((storage) => {
      storage.removeItem(this.nameOf(key));
      this.#list(storage, (keys) => keys.delete(key));
    });
  }

  /** The keys of all items, those of other tabs too. */
  keys(): string[] {
    const stored = this.#try((storage) => {
      if (!isEnumerable(storage)) return [...this.#listed(storage)];
      const names = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
      return names.filter((name) => name.startsWith(this.#prefix)).map((name) => name.slice(this.#prefix.length));
    });
    return [...new Set([...this.#memory.keys(), ...(stored ?? [])])];
  }

  // A storage that cannot tell its keys gets a list of them. Where tabs share one (localStorage) there is no such list,
  // which two tabs would overwrite for each other.
  #list(storage: ChatStorage, change: (keys: Set<string>) => void): void {
    if (isEnumerable(storage)) return;
    const keys = this.#listed(storage);
    change(keys);
    storage.setItem(this.nameOf("keys"), JSON.stringify([...keys]));
  }

  #listed(storage: ChatStorage): Set<string> {
    return new Set(JSON.parse(storage.getItem(this.nameOf("keys")) ?? "[]"));
  }

  #try<T>(use: (storage: ChatStorage) => T): T | undefined {
    try {
      return this.#storage === null ? undefined : use(this.#storage);
    } catch {
      return undefined;
    }
  }
}

function isEnumerable(storage: ChatStorage): storage is Enumerable {
  return "key" in storage && "length" in storage;
}
