import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import type { Accepted } from "./load.ts";

/** The longest time without a call, from one moment to another (`Date.now`). */
export function longestGapMs(calls: readonly FakeCall[], fromMs: number, toMs = Date.now()): number {
  const times = calls.map(({ receivedAtMs }) => receivedAtMs).filter((atMs) => atMs > fromMs && atMs < toMs);
  let lastMs = fromMs;
  let longest = 0;
  for (const atMs of [...times.toSorted((a, b) => a - b), toMs]) {
    longest = Math.max(longest, atMs - lastMs);
    lastMs = atMs;
  }
  return longest;
}

/** Within what time so large a share was accepted. */
export function acceptMs(accepted: readonly Accepted[], share: number): number {
  const took = accepted.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  return took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0;
}

/** How long it took all but one of a hundred to be accepted. */
export function acceptP99Ms(accepted: readonly Accepted[]): number {
  return acceptMs(accepted, 0.99);
}

/** How long each message waited for its first call. */
export function waitsMs(calls: readonly FakeCall[], sent: readonly Accepted[]): number[] {
  const firstCall = new Map(calls.toReversed().map((call) => [String(call.headers["webhook-id"]), call.receivedAtMs]));
  return sent.map(({ message }) => (firstCall.get(message.id) ?? Infinity) - Date.parse(message.createdAt));
}
