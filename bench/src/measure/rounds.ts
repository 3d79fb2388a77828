import type { Pipeline } from "../pipelines/pipeline.ts";
import type { Leg } from "./leg.ts";
import { measureLeg } from "./measure-leg.ts";
import type { Plan } from "./plan.ts";
import type { Stage } from "./stage.ts";
import { turned } from "./turned.ts";

export interface RoundsOptions {
  pipelines: Pipeline[];
  plan: Plan;
  rounds: number;
  /** Hears of each leg as it ends. */
  onLeg: (leg: Leg) => void;
  /** Hears of what could not even be measured. */
  onBroken: (pipeline: Pipeline, round: number, error: unknown) => void;
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
