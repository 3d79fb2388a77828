/** What a phase of a leg cost. */
export interface PhaseCost {
  /** Of all servers together, by name: the pipeline's own, PostgreSQL, the broker. */
  cpuSeconds: Record<string, number>;
  cpuPerThousand: number;
  /** Share of all cores that neither the pipeline nor the benchmark used. */
  othersShare: number;
  /** Share of all cores that other guests of the host took. */
  stolenShare: number;
}

/** Of PostgreSQL, without those that changed nothing. */
interface Commits {
  commitsPerMessage: number;
}

export interface Latency {
  p50: number;
  p99: number;
}

/** One pipeline in one round. */
export interface Leg {
  pipeline: string;
  round: number;
  /** With any of these the leg does not count. */
  failures: string[];
  saturation: PhaseCost & Commits & { answered: number; perSecond: number };
  light: PhaseCost & Commits & { answered: number; acceptedMs: Latency; answeredMs: Latency; lateMs: Latency };
  /** After both phases, by server. */
  memoryBytes: Record<string, number>;
}
