import { openStage } from "../measure/stage.ts";
import type { BenchOptions } from "../options.ts";
import { turned } from "../measure/turned.ts";
import { figure } from "../report/figures.ts";
import { writeSection } from "../report/performance-document.ts";
import { runNote } from "../report/run-note.ts";
import { saveResults } from "../report/save-results.ts";
import { measureCase, type CaseCost } from "./measure-case.ts";
import { prepareTemplates } from "./prepare-templates.ts";
import { SCALE_CASES } from "./scale-case.ts";
import { scaleReport } from "./scale-report.ts";

const ROUNDS = 3;

function caseLine({ round, dimension, value, cpuPerThousand, perSecond, failures }: CaseCost): string {
  const thrownOut = failures.length === 0 ? "" : ` THROWN OUT: ${failures[0]} (${failures.length})`;
  return `round ${round} ${dimension} ${value}: ${figure(cpuPerThousand)} CPU s per 1,000, ${figure(perSecond)}/s${thrownOut}`;
}

/** `npm run bench -- scale`: what a message costs as everything around it grows. */
export async function runScale(
  { rounds = ROUNDS }: BenchOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const pipelines = SCALE_CASES.map(({ pipeline }) => pipeline);
  await using stage = await openStage({ pipelines, signal, say });
  say("filling the databases");
  const templates = await prepareTemplates(stage, SCALE_CASES);
  const costs: CaseCost[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    // What the machine does in the course of a round must not look like something that grows.
    for (const [scaleCase, template] of turned([...templates], round)) {
      try {
        const cost = await measureCase(stage, scaleCase, template, round);
        say(caseLine(cost));
        costs.push(cost);
      } catch (error) {
        signal.throwIfAborted();
        say(`round ${round} ${scaleCase.dimension} ${scaleCase.value} THROWN OUT: ${String(error)}`);
      }
    }
  }
  const report = `${runNote("npm run bench -- scale", stage.versions)}\n\n${scaleReport(costs, rounds)}`;
  say(`\n${report}\n\nraw results: ${saveResults("scale", costs)}`);
  if (rounds >= ROUNDS) writeSection("scale", report);
}
