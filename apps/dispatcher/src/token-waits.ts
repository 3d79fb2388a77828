import type { Outcome } from "@chat-relay/bus/consumer";
import type { ChatConfig } from "@chat-relay/core/config";

const WAIT_ON_BUS_MAX_MS = 300_000;
// A message may be called a fifth later than promised, half of which its delay has used; the sweep needs less than this.
const SWEEP_SHARE = 0.05;
const SWEEP_GRACE_MS = 5_000;

/**
 * A token that waits on the bus takes one of the consumer's places, and those of a dead workflow could fill them all: one
 * that has long to wait leaves, if the sweep will publish it anew in good time.
 */
export function tokenWaits(
  delayMs: number,
  { queueIntervalMs, ackWaitMs }: Pick<ChatConfig, "queueIntervalMs" | "ackWaitMs">,
): Outcome {
  const sweepMs = queueIntervalMs * 1.1 + ackWaitMs + SWEEP_GRACE_MS;
  const leaves = delayMs > WAIT_ON_BUS_MAX_MS && sweepMs < delayMs * SWEEP_SHARE;
  return leaves ? { kind: "done" } : { kind: "retry", afterMs: delayMs };
}
