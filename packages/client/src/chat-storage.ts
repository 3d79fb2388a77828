/** Where session token and unsent messages are kept: the part of the Web Storage API that is needed. */
export interface ChatStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}
