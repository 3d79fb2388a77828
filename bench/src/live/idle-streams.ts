import { openStage } from "../measure/stage.ts";
import type { BenchOptions } from "../options.ts";
import { chatRelayPipeline } from "../pipelines/chat-relay-pipeline.ts";
import { runNote } from "../report/run-note.ts";
import { writeSection } from "../report/performance-document.ts";
import { saveResults } from "../report/save-results.ts";
import { measureStreams, type StreamsCost } from "./measure-streams.ts";
import { streamsReport } from "./streams-report.ts";

const COUNTS = [5_000, 10_000];
const ROUNDS = 3;

/** `npm run bench -- idle-streams`: what open live streams cost, and how quickly they all hear or are back. */
export async function idleStreams(
  { count, rounds = count === undefined ? ROUNDS : 1 }: BenchOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  await using stage = await openStage({ pipelines: [chatRelayPipeline()], signal, say });
  const costs: StreamsCost[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const streams of count === undefined ? COUNTS : [count]) {
      try {
        const cost = await measureStreams(stage, streams);
        say(`round ${round}, ${streams} streams: ${JSON.stringify(cost)}`);
        costs.push(cost);
      } catch (error) {
        signal.throwIfAborted();
        say(`round ${round}, ${streams} streams THROWN OUT: ${String(error)}`);
      }
    }
  }
  const note = runNote("npm run bench -- idle-streams", stage.versions);
  const report = `${note}\nMedians of ${rounds} rounds.\n\n${streamsReport(costs)}`;
  say(`\n${report}\n\nraw results: ${saveResults("idle-streams", costs)}`);
  if (count !== undefined) return;
  if (costs.length < ROUNDS * COUNTS.length) throw new Error("not written: too few rounds count");
  writeSection("streams", report);
}
