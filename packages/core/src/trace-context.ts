import { randomUUID } from "node:crypto";

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

// Node keeps random bytes for UUIDs in store; asked for a few, it takes ten times as long.
const randomHex = () => randomUUID().replaceAll("-", "");
const newSpanId = () => randomHex().slice(16);

/** A new W3C trace context. */
export function newTraceparent(): string {
  return `00-${randomHex()}-${newSpanId()}-01`;
}

/** The given trace with a new span of ours, or a new trace when there is none or it is not valid. */
export function childTraceparent(parent: string | null | undefined): string {
  if (parent === null || parent === undefined || !TRACEPARENT.test(parent)) return newTraceparent();
  return `${parent.slice(0, 36)}${newSpanId()}${parent.slice(52)}`;
}
