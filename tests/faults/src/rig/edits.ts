import { BUS_CONTROLS } from "./bus-edits.ts";
import { INPUT_CONTROLS } from "./input-edits.ts";
import { LIVE_CONTROLS } from "./live-edits.ts";

/** A change of a source file, made as a service loads it and never on disk. */
export interface Edit {
  /** From the repository's root. */
  file: string;
  /** Stands in the file exactly once. */
  from: string;
  to: string;
}

const N8N_CLIENT = "apps/dispatcher/src/n8n-client.ts";
const SETTLE = "packages/database/src/settle-delivery.ts";
const DELIVER = "apps/dispatcher/src/deliver-message.ts";
const PUBLISHER = "packages/outbox/src/publisher.ts";
const SEND = "apps/gateway/src/use-cases/send-message.ts";
const TAKE_CALLBACK = "apps/receiver/src/take-callback.ts";

/** Guards that a service can be started without, to see that a case notices. */
export const CONTROLS = {
  ...BUS_CONTROLS,
  ...INPUT_CONTROLS,
  ...LIVE_CONTROLS,
  "acknowledged before it is settled": [
    {
      file: "packages/bus/src/consumer.ts",
      from: "answer(message, await this.#options.handle(event, leaveLane));",
      to: 'answer(message, { kind: "done" });\n      await this.#options.handle(event, leaveLane);',
    },
  ],
  "no fencing": [
    {
      file: SETTLE,
      from: "s.head_id = given.message_id AND s.lease_token = given.lease_token AND s.lease_until IS NOT NULL AS",
      to: "true AS",
    },
  ],
  "no look at the clock before the call": [
    {
      file: DELIVER,
      from: "if (performance.now() - claimedAtMs > config.ackWaitMs / 2) return",
      to: "if (performance.now() < 0) return",
    },
    // A renewal that comes first would give the call up in time, or not.
    {
      file: "apps/dispatcher/src/held-claims.ts",
      from: "if (!alive.has(item.claim.sessionId)) item.abort.abort();",
      to: "void alive.has(item.claim.sessionId);",
    },
  ],
  "no sweep": [
    {
      file: "apps/dispatcher/src/sweep-worker.ts",
      from: "      await sweepOnce(this.#options, minimumAgeMs);\n",
      to: "      void minimumAgeMs;\n",
    },
  ],
  "no breaker": [
    {
      file: "apps/dispatcher/src/breaker.ts",
      from: "  #unreachable(problem: string): void {\n",
      to: "  #unreachable(problem: string): void {\n    return;\n",
    },
  ],
  "no count before the call": [
    {
      file: "packages/database/src/claim-delivery.ts",
      from: "SET status = 'delivering', attempts = q.attempts + 1, attempt",
      to: "SET status = 'delivering', attempt",
    },
    {
      file: "packages/database/src/claim-delivery.ts",
      from: "RETURNING m.n, q.message_id, q.attempts, q.attempts_base",
      to: "RETURNING m.n, q.message_id, q.attempts + 1 AS attempts, q.attempts_base",
    },
    { file: SETTLE, from: "THEN q.attempts ELSE q.attempts - 1 END", to: "THEN q.attempts + 1 ELSE q.attempts END" },
  ],
  "no response cap": [
    {
      file: "apps/dispatcher/src/n8n-call.ts",
      from: "if (this.#length > responseMaxBytes) {",
      to: "if (this.#length > Infinity) {",
    },
  ],
  // undici's own timeouts remain, which are between bytes.
  "no total deadline": [
    {
      file: N8N_CLIENT,
      from: "setTimeout(() => call.passDeadline(), webhookTimeoutMs)",
      to: "setTimeout(() => undefined, webhookTimeoutMs)",
    },
    {
      file: N8N_CLIENT,
      from: "headersTimeout: 0, bodyTimeout: 0",
      to: "headersTimeout: this.#options.webhookTimeoutMs, bodyTimeout: this.#options.webhookTimeoutMs",
    },
  ],
} satisfies Record<string, Edit[]>;

/** Places where a service can be told to die on the spot, or to hold still there; see `World.armKill`. */
export const KILL_POINTS = {
  "gateway: message committed, not yet answered": [
    {
      file: SEND,
      from: "    metrics.accepted.inc();\n",
      to: "    globalThis.dieAt?.(POINT);\n    metrics.accepted.inc();\n",
    },
  ],
  "receiver: reply committed, not yet answered": [
    {
      file: TAKE_CALLBACK,
      from: "  parts.publisher.publishReplies(",
      to: "  globalThis.dieAt?.(POINT);\n  parts.publisher.publishReplies(",
    },
  ],
  "dispatcher: claimed, held still before the call": [
    {
      file: DELIVER,
      from: "  if (claim.answered) return",
      to: "  globalThis.holdStillAt?.(POINT);\n  if (claim.answered) return",
    },
  ],
  "dispatcher: claimed, not yet called": [
    {
      file: DELIVER,
      from: "  const startedAtMs = performance.now();\n",
      to: "  globalThis.dieAt?.(POINT);\n  const startedAtMs = performance.now();\n",
    },
  ],
  "dispatcher: n8n has answered, not yet settled": [
    {
      file: DELIVER,
      from: "  const durationMs = elapsedMs(",
      to: "  globalThis.dieAt?.(POINT);\n  const durationMs = elapsedMs(",
    },
  ],
  "gateway: message committed, held still before it is published": [
    {
      file: SEND,
      from: "    metrics.accepted.inc();\n",
      to: "    globalThis.holdStillAt?.(POINT);\n    metrics.accepted.inc();\n",
    },
  ],
  "any: published, held still before it is marked": [
    {
      file: PUBLISHER,
      from: "      .then(() => this.#scheduleMark())\n",
      to: "      .then(() => { globalThis.holdStillAt?.(POINT); this.#scheduleMark(); })\n",
    },
  ],
  "dispatcher: n8n has answered, held still before it settles": [
    {
      file: DELIVER,
      from: "  const durationMs = elapsedMs(",
      to: "  globalThis.holdStillAt?.(POINT);\n  const durationMs = elapsedMs(",
    },
  ],
  "dispatcher: settled, token not yet acknowledged": [
    {
      file: DELIVER,
      from: "  report(dependencies, claim, settlement, result);\n",
      to: "  globalThis.dieAt?.(POINT);\n  report(dependencies, claim, settlement, result);\n",
    },
  ],
  "any: published, not yet marked": [
    {
      file: PUBLISHER,
      from: "      .then(confirmed)\n",
      to: "      .then((ack) => { globalThis.dieAt?.(POINT); confirmed(ack); })\n",
    },
  ],
} satisfies Record<string, Edit[]>;

export type ControlName = keyof typeof CONTROLS;
export type KillPoint = keyof typeof KILL_POINTS;

/** The edits of a kill point, with its name filled in. */
export function killPointEdits(point: KillPoint): Edit[] {
  return KILL_POINTS[point].map((edit) => ({ ...edit, to: edit.to.replaceAll("POINT", JSON.stringify(point)) }));
}
