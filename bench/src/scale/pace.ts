import { setTimeout as delay } from "node:timers/promises";
import { HttpClient } from "../load/http-client.ts";
import type { VisitorSession } from "../load/live-stream.ts";

export interface PaceOptions {
  port: number;
  perSecond: number;
  durationMs: number;
  /** The number of the first message: each session's messages are numbered upwards. */
  firstNumber: number;
  signal: AbortSignal;
}

/** A prime, so that neighbours in time are none in the table. */
const STRIDE = 7_919;

export interface Paced {
  accepted: number;
  /** The number that comes next. */
  nextNumber: number;
  failures: string[];
}

/** Sends messages at fixed times to sessions all over the table; to each session one after the other, as its visitor does. */
export async function pace(sessions: VisitorSession[], options: PaceOptions): Promise<Paced> {
  const client = new HttpClient(options.port);
  const result: Paced = { accepted: 0, nextNumber: options.firstNumber, failures: [] };
  const lastOf = new Map<string, Promise<void>>();
  const send = async ({ sessionId, token }: VisitorSession, number: number): Promise<void> => {
    await lastOf.get(sessionId);
    const body = JSON.stringify({ sessionId, content: `Question ${number}: where is the parcel that I ordered?` });
    const answer = await client.post({ path: "/api/chat/send", token, body });
    if (answer.status === 202) result.accepted += 1;
    else result.failures.push(`a message was answered ${answer.status}: ${answer.body}`);
  };
  const sent: Promise<void>[] = [];
  const startsAtMs = performance.now();
  for (let sentMs = 0; sentMs < options.durationMs; sentMs += 1_000 / options.perSecond) {
    const earlyMs = startsAtMs + sentMs - performance.now();
    if (earlyMs > 0) await delay(Math.ceil(earlyMs), undefined, { signal: options.signal });
    const number = result.nextNumber;
    result.nextNumber += 1;
    const session = sessions[(number * STRIDE) % sessions.length];
    if (session === undefined) throw new Error("there are no sessions");
    const sending = send(session, number).catch((error: unknown) => void result.failures.push(String(error)));
    lastOf.set(session.sessionId, sending);
    sent.push(sending);
  }
  await Promise.all(sent);
  client.close();
  return result;
}
