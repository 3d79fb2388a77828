import type { ChatMessage } from "@chat-relay/core/message";
import { verifyWebhook, webhookKeys } from "@chat-relay/core/webhook-signature";
import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { isDeepStrictEqual } from "node:util";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { messageIdOf, USUAL, usualReply } from "./bot.ts";
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
  told: "each message is told to n8n at least once, as it was accepted",
  text: "a reply is shown with the words that n8n said, to the message that it answers",
  sameBytes: "each attempt carries the same bytes, signed, with a number of its own that never goes back",
} as const;

/** What a case may do that the rules would forbid. */
export interface Allowances {
  /** A dispatcher that was held still or cut off keeps its call open while another goes on. */
  overlap?: boolean;
  /** Dispatchers were ended in order: a call that they hand back is made again under its number. */
  handedBack?: boolean;
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
    accepted.flatMap(({ message, expected }) => {
      const shown = byId.get(message.id);
      const { duplicate: _, ...wanted } = { duplicate: false, ...message, status: expected.status };
      const same = isDeepStrictEqual(shown, wanted);
      return same
        ? []
        : [`${message.id} is ${shown === undefined ? "missing" : `shown as ${shown.status}, or another`}`];
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
      return count === expected.replies ? [] : [`${message.id} has ${count} replies, wanted ${expected.replies}`];
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

const ANY_ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** What was said, to what: replies of the usual bot name their message. */
function checkText(transcript: readonly ChatMessage[], known: ReadonlySet<string>): void {
  mustHold(
    INVARIANTS.text,
    transcript.flatMap(({ id, role, replyTo, content }) => {
      if (role !== "assistant" || replyTo === null) return [];
      const garbled = content.startsWith(USUAL) && content !== usualReply(replyTo);
      const other = (content.match(ANY_ID) ?? []).find((named) => named !== replyTo && known.has(named));
      return [
        ...(garbled ? [`reply ${id} to ${replyTo} has other words`] : []),
        ...(other === undefined ? [] : [`reply ${id} to ${replyTo} was meant for ${other}`]),
      ];
    }),
  );
}

function checkOwn(transcript: readonly ChatMessage[], visitor: Visitor): void {
  mustHold(
    INVARIANTS.own,
    transcript
      .filter(({ sessionId }) => sessionId !== visitor.sessionId)
      .map(({ id, sessionId }) => `${id} of ${sessionId} is shown to ${visitor.sessionId}`),
  );
}

interface ToldBody {
  sessionId: string;
  chatInput: string;
  data: {
    messageId: string;
    sequence: number;
    content: string;
    messageType: string;
    metadata: object;
    createdAt: string;
    session: { id: string };
  };
}

/** Whether the call says what was accepted. */
function isToldAsAccepted(call: FakeCall, { message }: Accepted): boolean {
  const { sessionId, chatInput, data } = call.body as ToldBody;
  const { session, ...told } = { ...data, callbackUrl: undefined };
  const { id: messageId, sequence, content, messageType, metadata, createdAt } = message;
  const wanted = { messageId, sequence, content, messageType, metadata, createdAt, callbackUrl: undefined };
  return (
    sessionId === message.sessionId &&
    session.id === sessionId &&
    chatInput === content &&
    isDeepStrictEqual(told, wanted)
  );
}

/** Looks at the calls of each accepted message: whether there are any, and what they say. */
function checkTold(callsOf: ReadonlyMap<string, FakeCall[]>, accepted: readonly Accepted[]): void {
  mustHold(
    INVARIANTS.told,
    accepted.flatMap((entry) => {
      const { id } = entry.message;
      const calls = callsOf.get(id) ?? [];
      if (calls.length === 0 && entry.expected.status !== "failed") return [`${id} was never told`];
      return calls.every((call) => isToldAsAccepted(call, entry)) ? [] : [`${id} was told as another`];
    }),
  );
}

function sequenceOf(call: FakeCall): number {
  return (call.body as { data: { sequence: number } }).data.sequence;
}

/** Looks at one session's calls in the order of their arrival. */
function checkCallOrder(calls: readonly FakeCall[], allowed: Allowances): void {
  let highest = 0;
  let before: FakeCall[] = [];
  const problems = calls.flatMap((call) => {
    if (allowed.replayed?.has(messageIdOf(call)) === true) return [];
    const sequence = sequenceOf(call);
    const late = sequence < highest;
    before = before.filter(({ endedAtMs }) => endedAtMs === undefined || endedAtMs > call.receivedAtMs);
    const early = allowed.overlap !== true && before.some((open) => sequenceOf(open) < sequence);
    const found = [
      ...(late ? [`${messageIdOf(call)} (${sequence}) was called after ${highest}`] : []),
      ...(early ? [`${messageIdOf(call)} (${sequence}) was called while ${highest} was under way`] : []),
    ];
    highest = Math.max(highest, sequence);
    before.push(call);
    return found;
  });
  mustHold(INVARIANTS.order, problems);
}

function signatureHeaders({ headers }: FakeCall) {
  const text = (name: string) => (headers[name] === undefined ? undefined : String(headers[name]));
  return { id: text("webhook-id"), timestamp: text("webhook-timestamp"), signature: text("webhook-signature") };
}

function checkBytes(calls: readonly FakeCall[], { secrets = WEBHOOK_SECRET, handedBack }: Allowances): void {
  const keys = webhookKeys(secrets);
  const numbers = new Set<number>();
  const first = calls[0];
  let latest = { number: 0, signedAt: 0 };
  const problems = calls.flatMap((call) => {
    const number = Number(call.headers["chat-attempt"]);
    const signedAt = Number(call.headers["webhook-timestamp"]);
    // A call that was held up on its way may arrive behind the next attempt; it was signed before that one.
    const back = number < latest.number && signedAt >= latest.signedAt;
    const again = handedBack !== true && numbers.has(number);
    numbers.add(number);
    if (number > latest.number) latest = { number, signedAt };
    const tolerance = { nowMs: call.receivedAtMs, toleranceMs: 60_000 };
    const verified = verifyWebhook(keys, signatureHeaders(call), call.rawBody, tolerance);
    return [
      ...(first !== undefined && call.rawBody.equals(first.rawBody) ? [] : [`${messageIdOf(call)} has other bytes`]),
      ...(verified.ok ? [] : [`${messageIdOf(call)} is not signed: ${verified.reason}`]),
      ...(again ? [`${messageIdOf(call)} has attempt ${number} twice`] : []),
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
  const callsOf = groupBy(mine, messageIdOf);
  for (const ofMessage of callsOf.values()) checkBytes(ofMessage, allowed);
  checkTold(callsOf, load.accepted);
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
  const known = new Set(load.accepted.map(({ message }) => message.id));
  const bySession = groupBy(load.accepted, ({ message }) => message.sessionId);
  const check = async (visitor: Visitor) => {
    const transcript = await load.history(visitor);
    checkOwn(transcript, visitor);
    checkText(transcript, known);
    checkTranscript(transcript, bySession.get(visitor.sessionId) ?? [], load.unasked.get(visitor.sessionId) ?? 0);
    checkReplyOrder(transcript, answeredInResponse);
  };
  const waiting = [...load.visitors];
  const lane = async () => {
    for (let visitor = waiting.pop(); visitor !== undefined; visitor = waiting.pop()) await check(visitor);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}
