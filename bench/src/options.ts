import { parseArgs } from "node:util";
import type { Pipeline } from "./pipelines/pipeline.ts";

/** What a run is to do. */
export interface BenchOptions {
  command: "pipelines" | "idle-streams" | "scale";
  /** Streams, for `idle-streams`; undefined for all that are published. */
  count: number | undefined;
  quick: boolean;
  profile: boolean;
  rounds: number | undefined;
  only: string[] | undefined;
}

const USAGE = `npm run bench -- [options]                 chat-relay and its peers, side by side; 35 to 45 minutes
  --quick                                  fewer and shorter: under 2 minutes, nothing is written into docs/
  --only chat-relay,bullmq,…               some of them
  --rounds <n>
  --profile                                CPU profiles of chat-relay's processes, and the top costs
npm run bench -- idle-streams [<count>]    what open live streams cost
npm run bench -- scale                     how the cost of a message grows with processes, sessions and history`;

const COMMANDS = ["pipelines", "idle-streams", "scale"] as const;

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`${name} is "${text}": it must be a whole number\n\n${USAGE}`);
  return Number(text);
}

export function readOptions(args: string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      rounds: { type: "string" },
      only: { type: "string" },
    },
  });
  const command = COMMANDS.find((name) => name === (positionals[0] ?? "pipelines"));
  if (command === undefined) throw new Error(`there is no "${positionals[0]}"\n\n${USAGE}`);
  return {
    command,
    count: wholeNumber("the count", positionals[1]),
    quick: values.quick,
    profile: values.profile,
    rounds: wholeNumber("--rounds", values.rounds),
    only: values.only?.split(","),
  };
}

/** The pipelines of these names, in the order of the list. */
export function choosePipelines(all: Pipeline[], names: string[]): Pipeline[] {
  const known = all.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")}; there are ${known.join(", ")}`);
  return all.filter(({ name }) => names.includes(name));
}
