import { setTimeout as delay } from "node:timers/promises";
import { giveUpWhen } from "./give-up-when.ts";
import type { Visitor } from "./visitor.ts";

/** How long after its scheduled time each message was accepted, and its reply seen. */
export interface Arrivals {
  acceptedMs: number[];
  answeredMs: number[];
  /** How long after its time each was sent: timers are late, and what they are late is in the latencies. */
  lateMs: number[];
  failures: string[];
}

export interface ArriveOptions {
  perSecond: number;
  durationMs: number;
  /** How long the last answers may take. */
  patienceMs: number;
  /** Ends it early. */
  signal: AbortSignal;
}

const GOLDEN = 0.618_033_988_749_895;

/** The same for every pipeline; spread within its slot, so that nothing that comes round regularly is always met or missed. */
function scheduledMs(number: number, slotMs: number): number {
  return (number + ((number * GOLDEN) % 1)) * slotMs;
}

/**
 * Messages that come at fixed times, however slow the answers are. Latency counts from the scheduled time: a pipeline that
 * holds the visitors up is not spared what they would have sent meanwhile.
 */
export async function arrive(visitors: Visitor[], options: ArriveOptions): Promise<Arrivals> {
  const idle = [...visitors];
  const result: Arrivals = { acceptedMs: [], answeredMs: [], lateMs: [], failures: [] };
  const startsAtMs = performance.now();
  const slotMs = 1_000 / options.perSecond;
  const askAt = async (atMs: number): Promise<void> => {
    const visitor = idle.shift();
    if (visitor === undefined) return void result.failures.push("all sessions wait for answers");
    result.lateMs.push(performance.now() - atMs);
    try {
      const { acceptedAtMs, answeredAtMs } = await visitor.ask();
      result.acceptedMs.push(acceptedAtMs - atMs);
      result.answeredMs.push(answeredAtMs - atMs);
    } catch (error) {
      result.failures.push(String(error));
    }
    idle.push(visitor);
  };
  const asked: Promise<void>[] = [];
  const patience = AbortSignal.timeout(options.durationMs + options.patienceMs);
  using _patience = giveUpWhen(AbortSignal.any([options.signal, patience]), visitors);
  for (let number = 0; number * slotMs < options.durationMs; number += 1) {
    const atMs = startsAtMs + scheduledMs(number, slotMs);
    const earlyMs = atMs - performance.now();
    if (earlyMs > 0) await delay(Math.ceil(earlyMs), undefined, { signal: options.signal });
    asked.push(askAt(atMs));
  }
  await Promise.all(asked);
  options.signal.throwIfAborted();
  return result;
}
