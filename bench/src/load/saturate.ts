import { giveUpWhen } from "./give-up-when.ts";
import type { Visitor } from "./visitor.ts";

export interface Saturation {
  /** Answered until the time was over. */
  answeredInTime: number;
  /** Answered at all. */
  answered: number;
  seconds: number;
  failures: string[];
}

export interface SaturateOptions {
  /** Who ask again as soon as they are answered. */
  users: number;
  durationMs: number;
  /** How long the last answers may take. */
  patienceMs: number;
  /** Ends it early. */
  signal: AbortSignal;
}

/**
 * Closed loop: as many messages as the pipeline can take from so many users. Each message goes to the session that was idle
 * the longest.
 */
export async function saturate(visitors: Visitor[], options: SaturateOptions): Promise<Saturation> {
  const idle = [...visitors];
  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + options.durationMs;
  const result: Saturation = { answeredInTime: 0, answered: 0, seconds: options.durationMs / 1_000, failures: [] };
  const askOnce = async (visitor: Visitor): Promise<void> => {
    const { answeredAtMs } = await visitor.ask();
    result.answered += 1;
    if (answeredAtMs <= endsAtMs) result.answeredInTime += 1;
  };
  const user = async (): Promise<void> => {
    while (performance.now() < endsAtMs && !options.signal.aborted) {
      const visitor = idle.shift();
      if (visitor === undefined) throw new Error("there are more users than sessions");
      await askOnce(visitor).catch((error: unknown) => void result.failures.push(String(error)));
      idle.push(visitor);
    }
  };
  const patience = AbortSignal.timeout(options.durationMs + options.patienceMs);
  using _patience = giveUpWhen(AbortSignal.any([options.signal, patience]), visitors);
  await Promise.all(Array.from({ length: options.users }, user));
  options.signal.throwIfAborted();
  return result;
}
