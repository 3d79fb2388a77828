import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BrokerEngine } from "../engines/broker.ts";
import { findNats } from "../engines/nats-engine.ts";
import { startPostgresEngine, type PostgresEngine } from "../engines/postgres-engine.ts";
import { findRedis } from "../engines/redis-engine.ts";
import type { Pipeline } from "../pipelines/pipeline.ts";

// On the disk of the checkout: a /tmp in memory would make every commit free.
const DATA_DIR = resolve(import.meta.dirname, "../../../.chat-relay");

/** What the benchmark itself is made with, its peers among it; all of it is pinned. */
function libraries(): string[] {
  const text = readFileSync(resolve(import.meta.dirname, "../../package.json"), "utf8");
  const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> };
  return Object.entries(dependencies).flatMap(([name, version]) => (version === "*" ? [] : [`${name} ${version}`]));
}

/** What is there for the whole run. */
export interface Stage extends AsyncDisposable {
  postgres: PostgresEngine;
  brokers: Partial<Record<"nats" | "redis", BrokerEngine>>;
  /** For data and logs; removed in the end. */
  folder: string;
  /** What runs, by name and version. */
  versions: string[];
  /** The run is to end. */
  signal: AbortSignal;
}

export interface StageOptions {
  pipelines: Pipeline[];
  signal: AbortSignal;
  say: (line: string) => void;
}

/** Sets everything up that these pipelines need; fails at once, and not half an hour later, when something is missing. */
export async function openStage({ pipelines, signal, say }: StageOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const needs = new Set(pipelines.map(({ broker }) => broker));
  const brokers: Stage["brokers"] = {};
  if (needs.has("redis")) brokers.redis = await findRedis(say);
  if (needs.has("nats")) brokers.nats = await findNats(say);
  mkdirSync(DATA_DIR, { recursive: true });
  const folder = mkdtempSync(join(DATA_DIR, "bench-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const postgres = stack.use(await startPostgresEngine(join(folder, "postgres")));
  const versions = [`Node ${process.version}`, `PostgreSQL ${postgres.version}`];
  for (const broker of Object.values(brokers)) versions.push(broker.version);
  versions.push(...libraries());
  const opened = stack.move();
  return { postgres, brokers, folder, versions, signal, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
