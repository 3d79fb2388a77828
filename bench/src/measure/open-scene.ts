import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Pipeline, RunningPipeline } from "../pipelines/pipeline.ts";
import { startStubN8n, type StubN8n } from "../stub-n8n/stub-n8n.ts";
import { costMeter, type CostMeter } from "./cost-meter.ts";
import type { Stage } from "./stage.ts";

/** Signs webhooks and callbacks of all pipelines. */
export const BENCH_SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgYmVuY2htYXJrcyBvZiBpdA==";

/** A pipeline that runs, with all that belongs to it. */
export interface Scene extends AsyncDisposable {
  pipeline: RunningPipeline;
  stub: StubN8n;
  databaseUrl: string;
  /** PostgreSQL does what the phase before has left to do. */
  calm(): Promise<void>;
  /** Messages and replies that are in the database. */
  stored(): Promise<number>;
  /** Transactions of PostgreSQL so far that wrote something. */
  writes(): Promise<number>;
  meter: CostMeter;
  signal: AbortSignal;
}

let scenes = 0;

/** Starts a pipeline on a database of its own, empty or a copy of `template`, and on an empty broker. */
export async function openScene(
  stage: Stage,
  { name, broker, table, start }: Pipeline,
  template?: string,
): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  scenes += 1;
  const database = `bench_${scenes}`;
  const folder = join(stage.folder, `${scenes}-${name}`);
  mkdirSync(folder);
  const databaseUrl = await stage.postgres.createDatabase(database, template);
  stack.defer(() => stage.postgres.dropDatabase(database));
  const stub = stack.use(await startStubN8n(folder, BENCH_SECRET));
  const own = broker === "none" ? undefined : await stage.brokers[broker]?.start(folder);
  if (own !== undefined) stack.use(own);
  const setup = { databaseUrl, broker: own, n8nUrl: stub.url, secret: BENCH_SECRET, folder };
  const pipeline = stack.use(await start(setup));
  const servers = [...pipeline.servers, { name: "postgres", pid: stage.postgres.pid }];
  if (own !== undefined) servers.push({ name: own.name, pid: own.pid });
  const meter = costMeter(servers, [stub.pid]);
  const opened = stack.move();
  const { signal } = stage;
  const calm = () => stage.postgres.calm(databaseUrl);
  const stored = () => stage.postgres.count(databaseUrl, table);
  const writes = () => stage.postgres.writes();
  const dispose = () => opened.disposeAsync();
  return { pipeline, stub, databaseUrl, calm, stored, writes, meter, signal, [Symbol.asyncDispose]: dispose };
}
