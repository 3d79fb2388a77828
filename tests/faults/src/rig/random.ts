/** Chance that repeats: the same seed gives the same numbers. */
export interface Random {
  /** 0 ≤ x < 1. */
  next(): number;
  /** Whole, 0 ≤ x < `below`. */
  int(below: number): number;
  pick<T>(items: readonly T[]): T;
}

/** A whole number from 0 to 2^32 - 1 that the text decides (FNV-1a). */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

/** A generator for the seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number) => Math.floor(next() * below);
  return { next, int, pick: <T>(items: readonly T[]) => items[int(items.length)] as T };
}

/** The run's seed: `CHAT_FAULT_SEED`, so that a failure can be repeated. */
export const RUN_SEED = Number(process.env["CHAT_FAULT_SEED"] ?? "1");
