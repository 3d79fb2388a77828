import type { Bus } from "@chat-relay/bus/bus";
import type { Outcome } from "@chat-relay/bus/consumer";
import type { ChatConfig } from "@chat-relay/core/config";
import type { ChatEvent } from "@chat-relay/core/events";
import { unreadChange } from "@chat-relay/core/session-events";
import { childTraceparent } from "@chat-relay/core/trace-context";
import { webhookBody } from "@chat-relay/core/webhook-body";
import { signWebhook, type WebhookKey } from "@chat-relay/core/webhook-signature";
import { claimDelivery, type Claim } from "@chat-relay/database/claim-delivery";
import { DatabaseUnavailableError, type Database } from "@chat-relay/database/database";
import { settleDelivery, type SettleResult, type Settlement } from "@chat-relay/database/settle-delivery";
import type { OutboxPublisher } from "@chat-relay/outbox/publisher";
import type { Logger } from "@chat-relay/service/logger";
import type { Breaker, Reach } from "./breaker.ts";
import type { ClaimGate } from "./claim-gate.ts";
import type { HeldClaims } from "./held-claims.ts";
import { judgeCall, judgeFault } from "./judge-call.ts";
import { forgetLive, showLive } from "./live-answer.ts";
import type { DispatcherMetrics } from "./metrics.ts";
import type { CallResult } from "./n8n-call.ts";
import type { N8nClient } from "./n8n-client.ts";
import { tokenWaits } from "./token-waits.ts";

export interface DeliverDependencies {
  config: ChatConfig;
  bus: Bus;
  database: Database;
  publisher: OutboxPublisher;
  n8n: N8nClient;
  breaker: Breaker;
  gate: ClaimGate;
  held: HeldClaims;
  signingKey: WebhookKey;
  metrics: DispatcherMetrics;
  logger: Logger;
  /** From now on nothing is waited for: the process is about to end. */
  ending: AbortSignal;
}

const HELD_BACK_MS = 500;
const SETTLE_RETRY_MS = 250;

function elapsedMs(sinceMs: number): number {
  return Math.round(performance.now() - sinceMs);
}

function jitterMs(): number {
  return Math.round(Math.random() * 250);
}

/**
 * Delivers the message that a work token stands for; the result says what becomes of the token. Lane and place are for the
 * call: another may begin while this one is settled.
 */
export async function deliverMessage(
  dependencies: DeliverDependencies,
  event: ChatEvent,
  leaveLane: () => void,
): Promise<Outcome> {
  const { breaker } = dependencies;
  const place = breaker.enter();
  if (place === undefined) return { kind: "retry", afterMs: HELD_BACK_MS + jitterMs() };
  let isCalled = false;
  const onCalled = (result: CallResult) => {
    isCalled = true;
    breaker.leave(place, reachOf(result));
    leaveLane();
  };
  try {
    return await claimAndDeliver(dependencies, event, onCalled);
  } finally {
    if (!isCalled) breaker.leave(place, undefined);
  }
}

function reachOf(result: CallResult): Reach | undefined {
  if (result.kind === "aborted") return undefined;
  return result.kind === "unreachable" ? { reached: false, problem: result.problem } : { reached: true };
}

async function claimAndDeliver(
  dependencies: DeliverDependencies,
  event: ChatEvent,
  onCalled: (result: CallResult) => void,
): Promise<Outcome> {
  const { config, database, gate, held, publisher } = dependencies;
  const claimedAtMs = performance.now();
  const ids = { messageId: event.data.id, sessionId: event.data.sessionId };
  const result = await gate.through(() => claimDelivery(database, ids, config.ackWaitMs));
  if (result.kind === "not_mine") return { kind: "not_mine" };
  if (result.kind === "not_now") return tokenWaits(result.retryInMs + jitterMs(), config);
  if (result.foundLost) publisher.publishChanges([unreadChange(ids.sessionId)]);
  return held.whileHeld(result.claim, async (signal) => {
    const made = await attempt(dependencies, result.claim, { event, signal, claimedAtMs, onCalled });
    return conclude(dependencies, result.claim, made, event.traceparent);
  });
}

interface AttemptContext {
  event: ChatEvent;
  signal: AbortSignal;
  claimedAtMs: number;
  onCalled: (result: CallResult) => void;
}

interface Attempt {
  settlement: Settlement;
  /** Text of its answer was shown. */
  shown: boolean;
}

/** Why no call is made; undefined when one is. */
function withoutCall({ config }: DeliverDependencies, claim: Claim, claimedAtMs: number): Settlement | undefined {
  if (claim.answered) return { kind: "handed_back", delayMs: 0 }; // settles as answered
  if (claim.budgetUsed > config.queueMaxAttempts) return { kind: "exhausted" };
  // A process that was paused since it claimed must not call after another may have taken over.
  if (performance.now() - claimedAtMs > config.ackWaitMs / 2) return { kind: "handed_back", delayMs: 0 };
  return undefined;
}

async function attempt(dependencies: DeliverDependencies, claim: Claim, context: AttemptContext): Promise<Attempt> {
  const uncalled = withoutCall(dependencies, claim, context.claimedAtMs);
  if (uncalled !== undefined) return { settlement: uncalled, shown: false };
  const startedAtMs = performance.now();
  try {
    return await makeCall(dependencies, claim, context, startedAtMs);
  } catch (error) {
    // Ours, and most likely again at the next attempt: settled, so that it ends like any other that fails.
    dependencies.logger.error({ messageId: claim.messageId, ...placeOf(error) }, "delivery.broken");
    const settlement = judgeFault({ ...judgedNow(dependencies, claim), durationMs: elapsedMs(startedAtMs) });
    return { settlement, shown: true };
  }
}

/** What an error is and where it was thrown; its message may quote n8n, and so the visitor. */
function placeOf(error: unknown): { type: string; at: string[] } {
  if (!(error instanceof Error)) return { type: typeof error, at: [] };
  const frames = error.stack?.split("\n").filter((line) => line.startsWith("    at "));
  return { type: error.name, at: frames?.map((frame) => frame.trim()) ?? [] };
}

function judgedNow({ config }: DeliverDependencies, { budgetUsed }: Claim) {
  return { limits: config, budgetUsed, nowMs: Date.now(), random: Math.random() };
}

async function makeCall(
  dependencies: DeliverDependencies,
  claim: Claim,
  context: AttemptContext,
  startedAtMs: number,
): Promise<Attempt> {
  const { n8n, metrics } = dependencies;
  using live = showLive(dependencies, claim);
  const call = { ...signedCall(dependencies, claim, context.event), signal: context.signal, onBody: live.write };
  const result = await n8n.call(call);
  const durationMs = elapsedMs(startedAtMs);
  context.onCalled(result);
  metrics.calls.observe({ result: result.kind }, durationMs / 1_000);
  const settlement = judgeCall(result, { ...judgedNow(dependencies, claim), durationMs, endStream: live.end });
  return { settlement, shown: live.wasShown() };
}

function signedCall({ signingKey }: DeliverDependencies, claim: Claim, event: ChatEvent) {
  const body = webhookBody(claim.message);
  const timestamp = Math.floor(Date.now() / 1_000);
  const headers = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "chat-relay",
    "webhook-id": claim.messageId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(signingKey, claim.messageId, timestamp, body),
    "chat-attempt": String(claim.attempt),
    traceparent: childTraceparent(event.traceparent),
  };
  return { headers, body };
}

/** Settles, however long PostgreSQL is away: the call was made, and its result must not be lost. */
async function settleWithPatience(
  dependencies: DeliverDependencies,
  claim: Claim,
  settlement: Settlement,
): Promise<SettleResult> {
  const { database, gate, ending, logger } = dependencies;
  for (;;) {
    try {
      return await gate.through(() => settleDelivery(database, claim, settlement));
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || ending.aborted) throw error;
      logger.warn({ err: error, messageId: claim.messageId }, "delivery.settle_delayed");
      await new Promise((resolve) => setTimeout(resolve, SETTLE_RETRY_MS + jitterMs()));
    }
  }
}

async function conclude(
  dependencies: DeliverDependencies,
  claim: Claim,
  { settlement, shown }: Attempt,
  traceparent: string | undefined,
): Promise<Outcome> {
  const result = await settleWithPatience(dependencies, claim, settlement);
  report(dependencies, claim, settlement, result);
  // Fenced: whoever holds the lease now decides; the token comes back once more to see.
  if (result.kind === "fenced") return { kind: "retry", afterMs: HELD_BACK_MS + jitterMs() };
  const { publisher } = dependencies;
  publisher.publishChanges([result.change]); // first: the visitor waits for it
  // Another attempt may have shown something too.
  if (result.status === "answered" && (shown || claim.attempt > 1)) forgetLive(dependencies, claim);
  publisher.publishTokens(result.announcements);
  publisher.publishReplies(result.replies, traceparent);
  // Another message may have become the head meanwhile: then this one gets a new token at its turn.
  const stillHead = result.status === "queued" && result.announcements.length === 0;
  if (settlement.kind === "retry" && stillHead) return tokenWaits(settlement.delayMs, dependencies.config);
  if (settlement.kind === "handed_back" && stillHead) return { kind: "retry", afterMs: HELD_BACK_MS + jitterMs() };
  return { kind: "done" };
}

/** One wide line an attempt. The error's text may quote n8n, and so the visitor: it is kept in the ledger only. */
function report(dependencies: DeliverDependencies, claim: Claim, settlement: Settlement, result: SettleResult): void {
  const { metrics, logger } = dependencies;
  const answered = result.kind === "settled" && result.status === "answered" && settlement.kind !== "delivered";
  const outcome = result.kind === "fenced" ? "fenced" : answered ? "answered" : settlement.kind;
  metrics.deliveries.inc({ outcome });
  const logged = "attempt" in settlement ? settlement.attempt : undefined;
  logger.info(
    {
      messageId: claim.messageId,
      sessionId: claim.sessionId,
      sequence: claim.message.sequence,
      attempt: claim.attempt,
      outcome,
      httpStatus: logged?.httpStatus ?? null,
      durationMs: logged?.durationMs ?? null,
      replies: settlement.kind === "delivered" ? settlement.replies.length : 0,
      retryInMs: "delayMs" in settlement && !answered ? settlement.delayMs : null,
    },
    "delivery.attempted",
  );
}
