type Kind = "localStorage" | "sessionStorage";

/** Uses the page's storage; undefined where the browser blocks it. */
function tryStorage<T>(kind: Kind, use: (storage: Storage) => T): T | undefined {
  try {
    return use(globalThis[kind]);
  } catch {
    return undefined;
  }
}

export function readItem(name: string, kind: Kind = "localStorage"): string | null {
  return tryStorage(kind, (storage) => storage.getItem(name)) ?? null;
}

export function writeItem(name: string, value: string, kind: Kind = "localStorage"): void {
  tryStorage(kind, (storage) => storage.setItem(name, value));
}

export function removeItem(name: string, kind: Kind): void {
  tryStorage(kind, (storage) => storage.removeItem(name));
}

/** Removes all items whose name begins so. */
export function removeItems(prefix: string): void {
  tryStorage("localStorage", (storage) => {
    const names = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
    for (const name of names.filter((name) => name.startsWith(prefix))) storage.removeItem(name);
  });
}
