import { createHash, timingSafeEqual } from "node:crypto";

const BEARER = /^bearer +([\x21-\x7e]+)$/i;

/** The token of an `Authorization: Bearer` header; undefined when it is missing or is no such thing. */
export function bearerToken(header: string | undefined): string | undefined {
  return BEARER.exec(header ?? "")?.[1];
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

/** Compares two secrets in a time that tells nothing about either, their lengths included. */
export function sameSecret(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}
