import { setTimeout as delay } from "node:timers/promises";
import type { CostMeter } from "../measure/cost-meter.ts";
import { HttpClient } from "../load/http-client.ts";
import type { VisitorSession } from "../load/live-stream.ts";
import { percentile } from "../report/statistics.ts";
import { closeCrowd, connectReader, type Reader } from "./crowd.ts";

/** All readers lost their streams at once and are back. */
export interface Storm {
  allBackMs: number;
  /** Of all servers. */
  cpuSeconds: number;
  /** Streams that were refused or cut and came back later, as browsers do. */
  refused: number;
  /** Messages of others that were not accepted meanwhile. */
  notAccepted: number;
  /** How long the others waited. */
  acceptedP50Ms: number;
  acceptedMaxMs: number;
}

const SEND_EVERY_MS = 50;
const AWAY_MS = 500;
/** What the streams tell browsers to wait before they try again. */
const RETRY_MS = 2_000;

/** Sends a message at fixed times until the signal fires; how long after its time each was accepted, if it was. */
async function sendMeanwhile(
  port: number,
  sessions: VisitorSession[],
  signal: AbortSignal,
): Promise<(number | undefined)[]> {
  const client = new HttpClient(port);
  const waits: Promise<number | undefined>[] = [];
  const send = async ({ sessionId, token }: VisitorSession, atMs: number): Promise<number | undefined> => {
    const body = JSON.stringify({ sessionId, content: "Is anybody there?" });
    const answer = await client.post({ path: "/api/chat/send", token, body }).catch(() => undefined);
    return answer?.status === 202 ? performance.now() - atMs : undefined;
  };
  for (let atMs = performance.now(); !signal.aborted; atMs += SEND_EVERY_MS) {
    await delay(Math.max(0, Math.ceil(atMs - performance.now())));
    const session = sessions[waits.length % sessions.length];
    if (session !== undefined) waits.push(send(session, atMs));
  }
  const waited = await Promise.all(waits);
  client.close();
  return waited;
}

/** Tries until the stream is open; returns how often it was not. */
async function comeBack(reader: Reader, port: number): Promise<number> {
  for (let refused = 0; ; refused += 1) {
    try {
      await connectReader(reader, port);
      return refused;
    } catch {
      await delay(RETRY_MS);
    }
  }
}

/** Cuts all streams and lets all readers come back in the same moment, each with its last event id. */
export async function reconnectStorm(
  port: number,
  readers: Reader[],
  senders: VisitorSession[],
  meter: CostMeter,
): Promise<Storm> {
  closeCrowd(readers);
  await delay(AWAY_MS);
  const over = new AbortController();
  const endCost = meter.start();
  const startedAtMs = performance.now();
  const sending = sendMeanwhile(port, senders, over.signal);
  const refusals = await Promise.all(readers.map((reader) => comeBack(reader, port)));
  const allBackMs = performance.now() - startedAtMs;
  over.abort();
  const sent = await sending;
  const waited = sent.filter((ms) => ms !== undefined);
  const cpuSeconds = Object.values(endCost(readers.length).cpuSeconds).reduce((sum, seconds) => sum + seconds, 0);
  const refused = refusals.reduce((sum, count) => sum + count, 0);
  return {
    allBackMs,
    cpuSeconds,
    refused,
    notAccepted: sent.length - waited.length,
    acceptedP50Ms: percentile(waited, 0.5),
    acceptedMaxMs: Math.max(...waited),
  };
}
