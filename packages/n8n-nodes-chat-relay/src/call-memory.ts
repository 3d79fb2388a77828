const TOLERANCE_MS = 300_000;
const AFTERMATH_MS = 60_000;
const MAX_REMEMBERED = 10_000;

/** One call of chat-relay to one trigger. */
export interface WebhookCall {
  /** Workflow and node: two triggers may get the same message. */
  trigger: string;
  /** The `webhook-id`, which all attempts to deliver a message share. */
  id: string;
  /** The `webhook-timestamp`, which each attempt has its own of. */
  timestamp: string;
}

/**
 * - `first`: nothing is known of this message.
 * - `again`: another attempt to deliver it.
 * - `recent`: another attempt while an earlier one is under way or has just ended.
 * - `replayed`: the very same call, byte for byte.
 */
export type Recollection = "first" | "again" | "recent" | "replayed";

interface Remembered {
  timestamps: Set<string>;
  underWay: number;
  endedAtMs: number;
  keepUntilMs: number;
}

function keyOf({ trigger, id }: WebhookCall): string {
  return `${trigger} ${id}`;
}

/**
 * What this process knows of the calls that it took. It is in memory on purpose: it goes with the process, as do the
 * executions that it started. What was written down would outlive them, and a retry after a crash would be taken for
 * done. n8n's static data is worse still: executions that run at the same time overwrite each other's.
 */
export class CallMemory {
  readonly #calls = new Map<string, Remembered>();

  /** What is known of a verified call. Changes nothing. */
  recall(call: WebhookCall, nowMs: number): Recollection {
    const known = this.#calls.get(keyOf(call));
    if (known === undefined) return "first";
    if (known.timestamps.has(call.timestamp)) return "replayed";
    return known.underWay > 0 || nowMs - known.endedAtMs <= AFTERMATH_MS ? "recent" : "again";
  }

  /** The call starts an execution. */
  begin(call: WebhookCall, nowMs: number): void {
    this.#forgetOld(nowMs);
    const key = keyOf(call);
    const known = this.#calls.get(key) ?? { timestamps: new Set(), underWay: 0, endedAtMs: nowMs, keepUntilMs: 0 };
    known.timestamps.add(call.timestamp);
    known.underWay += 1;
    // Its signature is good for so long.
    known.keepUntilMs = Math.max(known.keepUntilMs, Number(call.timestamp) * 1_000 + TOLERANCE_MS);
    this.#calls.delete(key); // to the end: the oldest are first
    this.#calls.set(key, known);
  }

  /** The call was answered, or its caller went away. One that was not accepted did not count. */
  end(call: WebhookCall, nowMs: number, accepted: boolean): void {
    const known = this.#calls.get(keyOf(call));
    if (known === undefined) return;
    known.underWay -= 1;
    if (accepted) known.endedAtMs = nowMs;
    else known.timestamps.delete(call.timestamp);
    if (known.timestamps.size === 0) this.#calls.delete(keyOf(call));
  }

  #forgetOld(nowMs: number): void {
    for (const [key, { underWay, keepUntilMs }] of this.#calls) {
      const isOver = underWay === 0 && keepUntilMs < nowMs;
      if (isOver || this.#calls.size >= MAX_REMEMBERED) this.#calls.delete(key);
    }
  }
}
