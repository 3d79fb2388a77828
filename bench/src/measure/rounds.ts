import type { Pipeline } from "../pipelines/pipeline.ts";
import type { Leg } from "./leg.ts";
import { measureLeg } from "./measure-leg.ts";
import type { Plan } from "./plan.ts";
import type { Stage } from "./stage.ts";

export interface RoundsOptions {
  pipelines: Pipeline[];
  plan: Plan;
  rounds: number;
  /** Hears of each leg as it ends. */
  onLeg: (leg: Leg) => void;
  /** Hears of what could not even be measured. */
  onBroken: (pipeline: Pipeline, round: number, error: unknown) => void;
}

/** Each round begins with another pipeline, so that none always has the same neighbour before it. */
function turned<T>(items: T[], by: number): T[] {
  const first = by % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/** All pipelines in turn, again and again: what the machine does meanwhile, it does to all of them. */
export async function measureRounds(stage: Stage, options: RoundsOptions): Promise<Leg[]> {
  const legs: Leg[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const pipeline of turned(options.pipelines, round - 1)) {
      try {
        const leg = await measureLeg(stage, pipeline, options.plan, round);
        options.onLeg(leg);
        legs.push(leg);
      } catch (error) {
        stage.signal.throwIfAborted();
        options.onBroken(pipeline, round, error);
      }
    }
  }
  return legs;
}
