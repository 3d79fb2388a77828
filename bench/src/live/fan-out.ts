import { percentile } from "../report/statistics.ts";
import type { Reader } from "./crowd.ts";
import { postReply, type ReplyDesk } from "./post-reply.ts";

/** From the callback's first byte to the event at its readers. */
export interface FanOut {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

const ONE_READER_REPLIES = 200;
const TIMEOUT_MS = 30_000;

/** Posts a reply and waits until all of these readers have it; how long it took each. */
async function delaysOf(desk: ReplyDesk, sessionId: string, readers: Reader[]): Promise<number[]> {
  const startedAtMs = performance.now();
  const delays = readers.map((reader) => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const timer = setTimeout(() => reject(new Error("a reply was not shown")), TIMEOUT_MS);
    reader.onMessage = () => {
      clearTimeout(timer);
      resolve(performance.now() - startedAtMs);
    };
    return promise;
  });
  const [seen] = await Promise.all([Promise.all(delays), postReply(desk, sessionId)]);
  return seen;
}

function fanOut(delays: number[]): FanOut {
  return { p50Ms: percentile(delays, 0.5), p99Ms: percentile(delays, 0.99), maxMs: Math.max(...delays) };
}

/** Replies to one reader after the other, while all the others have nothing to read. */
export async function fanOutToOne(desk: ReplyDesk, readers: Reader[]): Promise<FanOut> {
  const delays: number[] = [];
  const step = Math.max(1, Math.floor(readers.length / ONE_READER_REPLIES));
  for (let index = 0; index < readers.length && delays.length < ONE_READER_REPLIES; index += step) {
    const reader = readers[index];
    if (reader !== undefined) delays.push(...(await delaysOf(desk, reader.session.sessionId, [reader])));
  }
  return fanOut(delays);
}

/** One reply to all readers of one session. */
export async function fanOutToAll(desk: ReplyDesk, sessionId: string, readers: Reader[]): Promise<FanOut> {
  return fanOut(await delaysOf(desk, sessionId, readers));
}
