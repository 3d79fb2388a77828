import type { Leg } from "../measure/leg.ts";
import type { Pipeline } from "../pipelines/pipeline.ts";
import { spread, type Spread } from "./statistics.ts";

/** What the rounds of one pipeline came to. */
export interface PipelineSummary {
  name: string;
  title: string;
  /** Rounds that count. */
  rounds: number;
  cpuPerThousand: Spread;
  perSecond: Spread;
  lightCpuPerThousand: Spread;
  commits: Spread;
  lightCommits: Spread;
  acceptedP50: Spread;
  acceptedP99: Spread;
  answeredP50: Spread;
  answeredP99: Spread;
  memoryMib: Spread;
  /** CPU of a message at saturation in microseconds, by server. */
  microseconds: Record<string, number>;
}

/** Another pipeline's figures, as times chat-relay's: of each round, since the machine was the same then. */
export interface Comparison {
  title: string;
  perSecond: Spread;
  cpu: Spread;
  answeredP50: Spread;
}

const MIB = 1_024 ** 2;

const hasCounted = ({ failures }: Leg): boolean => failures.length === 0;

function medians(legs: Leg[]): Record<string, number> {
  const names = Object.keys(legs[0]?.saturation.cpuSeconds ?? {});
  const of = (name: string) =>
    spread(legs.map(({ saturation }) => ((saturation.cpuSeconds[name] ?? 0) / saturation.answered) * 1e6)).median;
  return Object.fromEntries(names.map((name) => [name, of(name)]));
}

function memoryMib({ memoryBytes }: Leg): number {
  return Object.values(memoryBytes).reduce((sum, bytes) => sum + bytes, 0) / MIB;
}

/** Medians and ranges of each pipeline's rounds that had no failure. */
export function summarizeLegs(pipelines: Pipeline[], legs: Leg[]): PipelineSummary[] {
  return pipelines.map(({ name, title }) => {
    const counted = legs.filter((leg) => leg.pipeline === name && hasCounted(leg));
    const over = (read: (leg: Leg) => number) => spread(counted.map(read));
    return {
      name,
      title,
      rounds: counted.length,
      cpuPerThousand: over(({ saturation }) => saturation.cpuPerThousand),
      perSecond: over(({ saturation }) => saturation.perSecond),
      lightCpuPerThousand: over(({ light }) => light.cpuPerThousand),
      commits: over(({ saturation }) => saturation.commitsPerMessage),
      lightCommits: over(({ light }) => light.commitsPerMessage),
      acceptedP50: over(({ light }) => light.acceptedMs.p50),
      acceptedP99: over(({ light }) => light.acceptedMs.p99),
      answeredP50: over(({ light }) => light.answeredMs.p50),
      answeredP99: over(({ light }) => light.answeredMs.p99),
      memoryMib: over(memoryMib),
      microseconds: medians(counted),
    };
  });
}

/** Compares each of the others with the pipeline named, round by round. */
export function compareLegs(base: string, pipelines: Pipeline[], legs: Leg[]): Comparison[] {
  const counted = legs.filter(hasCounted);
  const others = pipelines.filter(({ name }) => name !== base);
  return others.map(({ name, title }) => {
    const pairs = counted
      .filter(({ pipeline }) => pipeline === base)
      .flatMap((own) =>
        counted.filter((leg) => leg.pipeline === name && leg.round === own.round).map((leg) => ({ own, leg })),
      );
    return {
      title,
      perSecond: spread(pairs.map(({ own, leg }) => own.saturation.perSecond / leg.saturation.perSecond)),
      cpu: spread(pairs.map(({ own, leg }) => own.saturation.cpuPerThousand / leg.saturation.cpuPerThousand)),
      answeredP50: spread(pairs.map(({ own, leg }) => own.light.answeredMs.p50 / leg.light.answeredMs.p50)),
    };
  });
}

/** What else the machine did while it was measured: the largest share of all cores in any phase. */
export function machineLoad(legs: Leg[]): { others: Spread; stolen: Spread } {
  const phases = legs.flatMap(({ saturation, light }) => [saturation, light]);
  return {
    others: spread(phases.map(({ othersShare }) => othersShare)),
    stolen: spread(phases.map(({ stolenShare }) => stolenShare)),
  };
}
