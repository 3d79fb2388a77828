import type { ChatMessage } from "@chat-relay/core/message";
import { verifyWebhook, webhookKeys } from "@chat-relay/core/webhook-signature";
import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf } from "./bot.ts";
import type { Accepted, Expected, Load, Visitor } from "./load.ts";
import { WEBHOOK_SECRET } from "./product-env.ts";
import { mustHold, Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** What the checker looks at, by the names that reports and controls use. */
export const INVARIANTS = {
  terminal: "every accepted message reaches its end",
  kept: "every accepted message is in its session's history, as it was accepted",
  once: "each message and each reply is shown once",
  gapless: "a session's sequences are gapless",
  order: "n8n is called in the session's order, never for a message before the one ahead of it has ended",
  replyOrder: "replies in the response come in the order of their messages",
  own: "nothing of one session is seen in another",
  sameBytes: "each attempt carries the same bytes, signed, with an attempt number that never goes back",
} as const;

/** What a case may do that the rules would forbid. */
export interface Allowances {
  /** A process that was held still keeps its call open while another goes on. */
  overlap?: boolean;
  /** Messages that an operator has replayed are called again, behind later ones. */
  replayed?: ReadonlySet<string>;
  /** Messages that a callback answered, whatever the bot's usual way: their replies come in any order. */
  calledBack?: ReadonlySet<string>;
  /** The secrets that n8n knows, of which one has signed; the suite's own by default. */
  secrets?: string;
}

interface LedgerRow {
  message_id: string;
  status: string;
  attempts: number;
}

const LEDGER = {
  name: "faults-ledger",
  text: "SELECT message_id, status, attempts FROM chat_webhook_queue WHERE session_id = ANY($1::uuid[])",
};

function isReached(expected: Expected, status: string | undefined): boolean {
  if (expected.status === "answered or failed") return status === "answered" || status === "failed";
  return status === expected.status;
}

async function readLedger(world: World, load: Load): Promise<Map<string, LedgerRow>> {
  const ids = load.visitors.map(({ sessionId }) => sessionId);
  const rows = await world.database.query<LedgerRow>(LEDGER, [ids]);
  return new Map(rows.map((row) => [row.message_id, row]));
}

function unreached(accepted: readonly Accepted[], ledger: ReadonlyMap<string, LedgerRow>): string[] {
  return accepted.flatMap(({ message, expected }) => {
    const row = ledger.get(message.id);
    if (isReached(expected, row?.status)) return [];
    const seen = row === undefined ? "not in the ledger" : `${row.status} after ${row.attempts} attempts`;
    return [`${message.id} (session ${message.sessionId}, ${message.sequence}) is ${seen}, not ${expected.status}`];
  });
}

/** Waits until every accepted message has come to its end. */
export async function untilTerminal(world: World, load: Load, withinMs: number): Promise<void> {
  let open: string[] = [];
  const check = async () => {
    open = unreached(load.accepted, await readLedger(world, load));
    // The more there is to read, the less often: the look must not be the load.
    if (open.length > 0) await new Promise((resolve) => setTimeout(resolve, load.accepted.length / 20));
    return open.length === 0;
  };
  await waitFor("every message to reach its end", check, withinMs).catch((error: unknown) => {
    throw open.length > 0 ? new Violation(INVARIANTS.terminal, open) : error;
  });
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

function checkTranscript(transcript: readonly ChatMessage[], accepted: readonly Accepted[], unasked: number): void {
  const byId = new Map(transcript.map((message) => [message.id, message]));
  const session = transcript[0]?.sessionId ?? "";
  mustHold(
    INVARIANTS.gapless,
    transcript.flatMap(({ sequence }, index) =>
      sequence === index + 1 ? [] : [`${session} has ${sequence} in place ${index + 1}`],
    ),
  );
  mustHold(
    INVARIANTS.kept,
    accepted.flatMap(({ message }) => {
      const shown = byId.get(message.id);
      const same = shown?.content === message.content && shown.sequence === message.sequence;
      return same ? [] : [`${message.id} is ${shown === undefined ? "missing" : "another"}`];
    }),
  );
  const users = transcript.filter(({ role }) => role === "user");
  const replies = groupBy(
    transcript.filter(({ role }) => role === "assistant"),
    (reply) => reply.replyTo ?? "",
  );
  const known = new Map(accepted.map((entry) => [entry.message.id, entry]));
  mustHold(INVARIANTS.once, [
    ...(byId.size === transcript.length ? [] : [`${session} shows an id twice`]),
    ...users.filter(({ id }) => !known.has(id)).map(({ id }) => `${id} was not sent, or is a second copy`),
    ...accepted.flatMap(({ message, expected }) => {
      const count = replies.get(message.id)?.length ?? 0;
      const failedAfterAll = expected.status === "answered or failed" && byId.get(message.id)?.status === "failed";
      const wanted = failedAfterAll ? 0 : expected.replies;
      return count === wanted ? [] : [`${message.id} has ${count} replies, wanted ${wanted}`];
    }),
    ...((replies.get("")?.length ?? 0) === unasked ? [] : [`${session} has other unasked replies than were posted`]),
  ]);
}

function checkReplyOrder(transcript: readonly ChatMessage[], answeredInResponse: (messageId: string) => boolean): void {
  const sequences = new Map(transcript.map(({ id, sequence }) => [id, sequence]));
  let last = 0;
  const problems = transcript.flatMap(({ role, replyTo, sequence }) => {
    if (role !== "assistant" || replyTo === null || !answeredInResponse(replyTo)) return [];
    const of = sequences.get(replyTo) ?? 0;
    const early = of < last;
    last = Math.max(last, of);
    return early ? [`reply ${sequence} answers ${of} after ${last} was answered`] : [];
  });
  mustHold(INVARIANTS.replyOrder, problems);
}

function checkOwn(transcript: readonly ChatMessage[], visitor: Visitor): void {
  mustHold(
    INVARIANTS.own,
    transcript
      .filter(({ sessionId }) => sessionId !== visitor.sessionId)
      .map(({ id, sessionId }) => `${id} of ${sessionId} is shown to ${visitor.sessionId}`),
  );
}

function sequenceOf(call: FakeCall): number {
  return (call.body as { data: { sequence: number } }).data.sequence;
}

/** Looks at one session's calls in the order of their arrival. */
function checkCallOrder(calls: readonly FakeCall[], allowed: Allowances): void {
  let highest = 0;
  let previous: FakeCall | undefined;
  const problems = calls.flatMap((call) => {
    if (allowed.replayed?.has(messageIdOf(call)) === true) return [];
    const sequence = sequenceOf(call);
    const late = sequence < highest;
    const early =
      allowed.overlap !== true &&
      previous !== undefined &&
      sequence > highest &&
      (previous.endedAtMs === undefined || previous.endedAtMs > call.receivedAtMs);
    const found = [
      ...(late ? [`${messageIdOf(call)} (${sequence}) was called after ${highest}`] : []),
      ...(early ? [`${messageIdOf(call)} (${sequence}) was called while ${highest} was under way`] : []),
    ];
    highest = Math.max(highest, sequence);
    previous = call;
    return found;
  });
  mustHold(INVARIANTS.order, problems);
}

function signatureHeaders({ headers }: FakeCall) {
  const text = (name: string) => (headers[name] === undefined ? undefined : String(headers[name]));
  return { id: text("webhook-id"), timestamp: text("webhook-timestamp"), signature: text("webhook-signature") };
}

function checkBytes(calls: readonly FakeCall[], secrets = WEBHOOK_SECRET): void {
  const keys = webhookKeys(secrets);
  const first = calls[0];
  let latest = { number: 0, signedAt: 0 };
  const problems = calls.flatMap((call) => {
    const number = Number(call.headers["chat-attempt"]);
    const signedAt = Number(call.headers["webhook-timestamp"]);
    // A call that was held up on its way may arrive behind the next attempt; it was signed before that one.
    const back = number < latest.number && signedAt >= latest.signedAt;
    if (number > latest.number) latest = { number, signedAt };
    const tolerance = { nowMs: call.receivedAtMs, toleranceMs: 60_000 };
    const verified = verifyWebhook(keys, signatureHeaders(call), call.rawBody, tolerance);
    return [
      ...(first !== undefined && call.rawBody.equals(first.rawBody) ? [] : [`${messageIdOf(call)} has other bytes`]),
      ...(verified.ok ? [] : [`${messageIdOf(call)} is not signed: ${verified.reason}`]),
      ...(back ? [`${messageIdOf(call)} goes back to attempt ${number}`] : []),
    ];
  });
  mustHold(INVARIANTS.sameBytes, problems);
}

/** Checks what n8n was told: order, bytes, and whose it was. */
function checkCalls(calls: readonly FakeCall[], load: Told, allowed: Allowances): void {
  const sessions = new Set(load.visitors.map(({ sessionId }) => sessionId));
  const sessionOf = (call: FakeCall) => String((call.body as { sessionId?: unknown } | undefined)?.sessionId);
  const mine = calls.filter((call) => sessions.has(sessionOf(call)));
  for (const ofSession of groupBy(mine, sessionOf).values()) checkCallOrder(ofSession, allowed);
  for (const ofMessage of groupBy(mine, messageIdOf).values()) checkBytes(ofMessage, allowed.secrets);
  const acceptedIn = new Map(load.accepted.map(({ message }) => [message.id, message.sessionId]));
  mustHold(
    INVARIANTS.own,
    mine.flatMap((call) => {
      const session = acceptedIn.get(messageIdOf(call));
      return session === undefined || session === sessionOf(call) ? [] : [`${messageIdOf(call)} was told as another's`];
    }),
  );
}

/** The part of a load that is compared with what visitors see. */
export type Told = Pick<Load, "visitors" | "accepted" | "unasked" | "history">;

export interface LedgerCheck {
  load: Told;
  calls: readonly FakeCall[];
  allowed: Allowances;
  /** Whether the message's reply came in the response. */
  answeredInResponse: (messageId: string) => boolean;
}

/** Checks what visitors see and what n8n was told, against what was accepted. */
export async function checkLedger({ load, calls, allowed, answeredInResponse }: LedgerCheck): Promise<void> {
  checkCalls(calls, load, allowed);
  const bySession = groupBy(load.accepted, ({ message }) => message.sessionId);
  const check = async (visitor: Visitor) => {
    const transcript = await load.history(visitor);
    checkOwn(transcript, visitor);
    checkTranscript(transcript, bySession.get(visitor.sessionId) ?? [], load.unasked.get(visitor.sessionId) ?? 0);
    checkReplyOrder(transcript, answeredInResponse);
  };
  const waiting = [...load.visitors];
  const lane = async () => {
    for (let visitor = waiting.pop(); visitor !== undefined; visitor = waiting.pop()) await check(visitor);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}
