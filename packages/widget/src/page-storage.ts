/** Uses the page's storage; undefined where the browser blocks it. */
function tryStorage<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return use(localStorage);
  } catch {
    return undefined;
  }
}

export function readItem(name: string): string | null {
  return tryStorage((storage) => storage.getItem(name)) ?? null;
}

export function writeItem(name: string, value: string): void {
  tryStorage((storage) => storage.setItem(name, value));
}

/** Removes all items whose name begins so. */
export function removeItems(prefix: string): void {
  tryStorage((storage) => {
    const names = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
    for (const name of names.filter((name) => name.startsWith(prefix))) storage.removeItem(name);
  });
}
