/** How one pipeline is measured. */
export interface Plan {
  /** Sessions with an open live stream. */
  sessions: number;
  /** Who ask at once at saturation. */
  users: number;
  warmUpMs: number;
  saturateMs: number;
  lightMs: number;
  lightPerSecond: number;
}

const BASE = { sessions: 1_024, users: 128, lightPerSecond: 50 };

/** For figures that are published. Saturated for two looks of the table that is polled every five seconds. Warm enough that V8 has compiled what it will: so many processes share two cores. */
export const FULL_PLAN: Plan = { ...BASE, warmUpMs: 15_000, saturateMs: 10_000, lightMs: 15_000 };

/** For a look while something is changed. */
export const QUICK_PLAN: Plan = { ...BASE, sessions: 256, warmUpMs: 2_000, saturateMs: 5_000, lightMs: 5_000 };

/** Whether everything works; the figures mean nothing. */
export const SMOKE_PLAN: Plan = {
  sessions: 64,
  users: 16,
  warmUpMs: 500,
  saturateMs: 1_000,
  lightMs: 1_000,
  lightPerSecond: 50,
};
