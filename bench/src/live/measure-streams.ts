import { setTimeout as delay } from "node:timers/promises";
import { residentBytes } from "../cost/resident-bytes.ts";
import { treeCpuSeconds } from "../cost/process-tree-cost.ts";
import { BENCH_SECRET, openScene, type Scene } from "../measure/open-scene.ts";
import type { Stage } from "../measure/stage.ts";
import { chatRelayPipeline } from "../pipelines/chat-relay-pipeline.ts";
import { seedSessions } from "../seed/seed-sessions.ts";
import { closeCrowd, openCrowd, refuseLost, type Reader } from "./crowd.ts";
import { fanOutToAll, fanOutToOne, type FanOut } from "./fan-out.ts";
import type { ReplyDesk } from "./post-reply.ts";
import { reconnectStorm, type Storm } from "./storm.ts";

/** What so many open streams cost the gateway. */
export interface StreamsCost {
  count: number;
  openMicroseconds: number;
  /** Once all are open, and after some time in which nothing happened. */
  openedBytesEach: number;
  idleBytesEach: number;
  /** Of one core. */
  idleCpuShare: number;
  toOne: FanOut;
  /** All of them of one session. */
  toAll: FanOut;
  storm: Storm;
}

const WARM_UP = 200;
const SENDERS = 20;
const SETTLE_MS = 3_000;
const IDLE_MS = 30_000;

// A gateway of one machine with more readers than it takes by default, and one conversation that all of them follow.
const LIMITS = { CHAT_STREAM_MAX_CONNECTIONS: "100000", CHAT_STREAM_MAX_PER_SESSION: "10000" };

interface Idle {
  readers: Reader[];
  cost: Pick<StreamsCost, "openMicroseconds" | "openedBytesEach" | "idleBytesEach" | "idleCpuShare">;
}

function serverPid({ pipeline }: Scene, name: string): number {
  const server = pipeline.servers.find((candidate) => candidate.name === name);
  if (server === undefined) throw new Error(`there is no ${name}`);
  return server.pid;
}

async function measureIdle(scene: Scene, port: number, sessions: Reader["session"][]): Promise<Idle> {
  const pid = serverPid(scene, "gateway");
  closeCrowd(await openCrowd(port, sessions.slice(0, WARM_UP)));
  await delay(SETTLE_MS);
  const read = () => ({ bytes: residentBytes(pid), seconds: treeCpuSeconds(pid) });
  const before = read();
  const readers = await openCrowd(port, sessions);
  await delay(SETTLE_MS);
  const opened = read();
  await delay(IDLE_MS, undefined, { signal: scene.signal });
  const idle = read();
  refuseLost(readers);
  const cost = {
    openMicroseconds: ((opened.seconds - before.seconds) / readers.length) * 1e6,
    openedBytesEach: (opened.bytes - before.bytes) / readers.length,
    idleBytesEach: (idle.bytes - before.bytes) / readers.length,
    idleCpuShare: (idle.seconds - opened.seconds) / (IDLE_MS / 1_000),
  };
  return { readers, cost };
}

async function measureToAll(desk: ReplyDesk, port: number, session: Reader["session"], count: number): Promise<FanOut> {
  const readers = await openCrowd(
    port,
    Array.from({ length: count }, () => session),
  );
  const result = await fanOutToAll(desk, session.sessionId, readers);
  closeCrowd(readers);
  await delay(SETTLE_MS);
  return result;
}

/** Measures one gateway with so many readers. */
export async function measureStreams(stage: Stage, count: number): Promise<StreamsCost> {
  await using scene = await openScene(stage, chatRelayPipeline({ env: LIMITS }));
  const { gatewayPorts, receiverUrl } = scene.pipeline;
  const [port] = gatewayPorts;
  if (port === undefined || receiverUrl === undefined) throw new Error("chat-relay is not complete");
  const sessions = await seedSessions(scene.databaseUrl, count + SENDERS + 1);
  const [shared, ...others] = sessions;
  if (shared === undefined) throw new Error("there are no sessions");
  const desk = { receiverUrl, secret: BENCH_SECRET };
  const { readers, cost } = await measureIdle(scene, port, others.slice(SENDERS));
  const toOne = await fanOutToOne(desk, readers);
  const storm = await reconnectStorm(port, readers, others.slice(0, SENDERS), scene.meter);
  refuseLost(readers);
  closeCrowd(readers);
  await delay(SETTLE_MS);
  const toAll = await measureToAll(desk, port, shared, count);
  return { count, ...cost, toOne, toAll, storm };
}
