import { setTimeout as delay } from "node:timers/promises";
import { HttpClient } from "../load/http-client.ts";
import type { VisitorSession } from "../load/live-stream.ts";

export interface PaceOptions {
  port: number;
  perSecond: number;
  durationMs: number;
  signal: AbortSignal;
}

/** A prime, so that neighbours in time are none in the table. */
const STRIDE = 7_919;

export interface Paced {
  accepted: number;
  failures: string[];
}

/** Sends messages at fixed times to sessions all over the table. */
export async function pace(sessions: VisitorSession[], options: PaceOptions): Promise<Paced> {
  const client = new HttpClient(options.port);
  const result: Paced = { accepted: 0, failures: [] };
  const send = async ({ sessionId, token }: VisitorSession, number: number): Promise<void> => {
    const body = JSON.stringify({ sessionId, content: `Question ${number}: where is the parcel that I ordered?` });
    const answer = await client.post({ path: "/api/chat/send", token, body });
    if (answer.status === 202) result.accepted += 1;
    else result.failures.push(`a message was answered ${answer.status}: ${answer.body}`);
  };
  const sent: Promise<void>[] = [];
  const startsAtMs = performance.now();
  for (let number = 0; (number / options.perSecond) * 1_000 < options.durationMs; number += 1) {
    const earlyMs = startsAtMs + (number / options.perSecond) * 1_000 - performance.now();
    if (earlyMs > 0) await delay(Math.ceil(earlyMs), undefined, { signal: options.signal });
    const session = sessions[(number * STRIDE) % sessions.length];
    if (session !== undefined) {
      sent.push(send(session, number).catch((error: unknown) => void result.failures.push(String(error))));
    }
  }
  await Promise.all(sent);
  client.close();
  return result;
}
