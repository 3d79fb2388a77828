import { chatRelayPipeline, type ChatRelayOptions } from "../pipelines/chat-relay-pipeline.ts";
import type { Pipeline } from "../pipelines/pipeline.ts";
import type { FinishedMessages } from "../seed/seed-finished.ts";

/** How the messages of a case come. */
export type ScaleLoad =
  /** As many as can be taken from so many users; of the sessions, `seeded` are there before and the rest are new. */
  | { kind: "closed"; users: number; sessions: number; seeded: boolean }
  /** At a fixed rate, over all seeded sessions, which nobody follows. */
  | { kind: "paced"; perSecond: number };

/** One point on the way from small to large. */
export interface ScaleCase {
  dimension: string;
  value: string;
  pipeline: Pipeline;
  /** What is in the database before: sessions, and finished messages in them. */
  seed: { sessions: number; finished: FinishedMessages | undefined };
  load: ScaleLoad;
  /** Before it is measured. Each process has to see enough messages for V8 to have compiled what it will. */
  warmUpMs: number;
  /** Whether pages of the histories are read afterwards, and timed. */
  readsHistory?: boolean;
}

const WARM_UP_MS = 10_000;

const CLOSED: ScaleLoad = { kind: "closed", users: 128, sessions: 1_024, seeded: false };
const ONE_CONVERSATION: ScaleLoad = { kind: "closed", users: 32, sessions: 32, seeded: true };

function processes(each: number): ScaleCase {
  const options: ChatRelayOptions = { gateways: each, dispatchers: each };
  return {
    dimension: "gateways and dispatchers, each",
    value: String(each),
    pipeline: chatRelayPipeline(options),
    seed: { sessions: 0, finished: undefined },
    load: CLOSED,
    warmUpMs: each * WARM_UP_MS,
  };
}

function sessions(count: number): ScaleCase {
  return {
    dimension: "sessions",
    value: count.toLocaleString("en"),
    pipeline: chatRelayPipeline(),
    seed: { sessions: count, finished: undefined },
    load: { kind: "paced", perSecond: 100 },
    warmUpMs: WARM_UP_MS,
  };
}

function finished(count: number): ScaleCase {
  const each = 100;
  return {
    dimension: "finished messages in the tables",
    value: count.toLocaleString("en"),
    pipeline: chatRelayPipeline(),
    seed: { sessions: count / each, finished: { sessions: count / each, each } },
    load: CLOSED,
    warmUpMs: WARM_UP_MS,
  };
}

function history(each: number): ScaleCase {
  const sessions = 32;
  return {
    dimension: "messages in each session's history",
    value: each.toLocaleString("en"),
    pipeline: chatRelayPipeline(),
    seed: { sessions, finished: { sessions, each: each / 2 } },
    load: ONE_CONVERSATION,
    warmUpMs: WARM_UP_MS,
    readsHistory: true,
  };
}

/** All cases, of each dimension from small to large. */
export const SCALE_CASES: ScaleCase[] = [
  ...[1, 2, 4].map(processes),
  ...[10, 1_000, 100_000].map(sessions),
  ...[0, 100_000, 1_000_000].map(finished),
  ...[0, 10_000].map(history),
];
