const BYTES = 16;

/** The key of a message, for lists and for the gateway. `crypto.randomUUID` is missing in pages without TLS. */
export function newMessageKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
