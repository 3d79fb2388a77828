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
  /** How long others waited meanwhile for a message to be accepted. */
  acceptedP50Ms: number;
  acceptedMaxMs: number;
}

const SEND_EVERY_MS = 50;
const AWAY_MS = 500;

/** Sends a message at fixed times until the signal fires; how long after its time each was accepted. */
async function sendMeanwhile(port: number, sessions: VisitorSession[], signal: AbortSignal): Promise<number[]> {
  const client = new HttpClient(port);
  const waits: Promise<number>[] = [];
  const send = async ({ sessionId, token }: VisitorSession, atMs: number): Promise<number> => {
    const body = JSON.stringify({ sessionId, content: "Is anybody there?" });
    const { status } = await client.post({ path: "/api/chat/send", token, body });
    if (status !== 202) throw new Error(`a message was answered ${status} during the storm`);
    return performance.now() - atMs;
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
  await Promise.all(readers.map((reader) => connectReader(reader, port)));
  const allBackMs = performance.now() - startedAtMs;
  over.abort();
  const waited = await sending;
  const cpuSeconds = Object.values(endCost(readers.length).cpuSeconds).reduce((sum, seconds) => sum + seconds, 0);
  return { allBackMs, cpuSeconds, acceptedP50Ms: percentile(waited, 0.5), acceptedMaxMs: Math.max(...waited) };
}
