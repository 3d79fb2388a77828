import { createHash, randomBytes } from "node:crypto";
import { v7 } from "uuid";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/;

const ID_BYTES = 16;

// To ask for random bytes takes longer than to make an id of them, so they are asked for by the hundred.
const randomStore = new Uint8Array(256 * ID_BYTES);
let randomUsed = randomStore.length;

function storedRandom(): Uint8Array {
  if (randomUsed === randomStore.length) {
    crypto.getRandomValues(randomStore);
    randomUsed = 0;
  }
  randomUsed += ID_BYTES;
  return randomStore.subarray(randomUsed - ID_BYTES, randomUsed);
}

/** A UUIDv7: ids of a later millisecond sort later, so inserts stay at the right edge of an index. */
export function newId(): string {
  return v7({ rng: storedRandom });
}

/** Whether the text can be an id of ours; anything else need not be looked up. */
export function isId(text: string): boolean {
  return UUID.test(text);
}

/** The caller's own request id if it is 1–64 of `A–Z a–z 0–9 _ -`, else a new one. */
export function requestId(given: string | string[] | undefined): string {
  return typeof given === "string" && REQUEST_ID.test(given) ? given : newId();
}

const RANDOM_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Whether the text is a UUID of a version that is made at random (4, or 7 but for its time), so that nobody can guess it. */
export function isRandomUuid(text: string): boolean {
  return RANDOM_UUID.test(text);
}

/** A session token: 256 random bits. */
export function newSessionToken(): string {
  return randomBytes(32).toString("base64url");
}

/** What is stored of a session token. A fast hash is enough: the token is random, not a password. */
export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}
