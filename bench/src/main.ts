import { comparePipelines } from "./compare-pipelines.ts";
import { idleStreams } from "./live/idle-streams.ts";
import { FULL_PLAN } from "./measure/plan.ts";
import { readOptions, type BenchOptions } from "./options.ts";
import { profileChatRelay } from "./profile/profile-chat-relay.ts";
import { runScale } from "./scale/run-scale.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());

async function run(options: BenchOptions): Promise<void> {
  const { signal } = stopping;
  switch (options.command) {
    case "pipelines":
      return options.profile ? profileChatRelay(FULL_PLAN, signal, say) : comparePipelines(options, signal, say);
    case "idle-streams":
      return idleStreams(options, signal, say);
    case "scale":
      return runScale(options, signal, say);
  }
}

try {
  await run(readOptions(process.argv.slice(2)));
  process.exit(0);
} catch (error) {
  say(stopping.signal.aborted ? "stopped" : String(error instanceof Error ? error.message : error));
  process.exit(stopping.signal.aborted ? 130 : 1);
}
