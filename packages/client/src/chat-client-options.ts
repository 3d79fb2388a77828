import type { ChatStorage } from "./chat-storage.ts";

/** What a client is made from. */
export interface ChatClientOptions {
  /** Base URL of the gateway, e.g. "https://chat.example.com"; a path prefix is kept. */
  url: string | URL;
  /** Where session token and unsent messages are kept. Default: localStorage where there is one, else memory. */
  storage?: ChatStorage;
  /** Name space in the storage; default derived from the url, and from the userId if there is one. */
  storageKey?: string;
  /** A label for the visitor. A gateway that asks for proof of identity refuses a bare one: see `getUserToken`. */
  userId?: string;
  /** Asked for a fresh userToken (JWT) each time a session is opened; null opens a guest's. */
  getUserToken?: () => Promise<string | null> | string | null;
  /** Metadata of a new session. */
  metadata?: Record<string, unknown>;
  fetch?: typeof globalThis.fetch;
}
