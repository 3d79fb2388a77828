// `npm run bench [-- <count>]`: what live streams cost a gateway that have nothing to say.
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@chat-relay/embedded/free-port";
import { openDatabase } from "@chat-relay/database/database";
import { startEmbedded } from "@chat-relay/testkit/embedded-servers";
import { runApp, serviceProcess } from "@chat-relay/testkit/service-process";
import { createSessions, openStreams, type OpenStream } from "./open-streams.ts";
import { processCost } from "./process-cost.ts";

const COUNT = Number(process.argv[2] ?? 5_000);
const WARM_UP = 200;
const IDLE_MS = 30_000;
const SETTLE_MS = 3_000;
const KIB = 1_024;

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function closeAll(streams: OpenStream[]): Promise<void> {
  for (const { socket } of streams) socket.destroy();
  await delay(SETTLE_MS);
}

await using cleanup = new AsyncDisposableStack();
const servers = cleanup.use(await startEmbedded(""));
const port = await freePort();
const env = {
  DATABASE_URL: servers.databaseUrl,
  NATS_URL: servers.natsAddress,
  CHAT_N8N_WEBHOOK_URL: "http://127.0.0.1:9/nobody",
  CHAT_WEBHOOK_SECRET: "a-secret-of-the-benchmarks",
  CHAT_GATEWAY_PORT: String(port),
};
const migrated = await runApp("migrate", env);
if (migrated.code !== 0) throw new Error(migrated.output);
const gateway = serviceProcess("gateway", { port, env });
cleanup.defer(async () => void (await gateway.end("SIGKILL")));
await gateway.start();
const database = cleanup.use(
  await openDatabase({ url: servers.databaseUrl, poolSize: 20, timeoutMs: 10_000, applicationName: "bench" }),
);

const sessions = await createSessions(database, COUNT);
const pid = gateway.pid ?? 0;
await closeAll(await openStreams(port, sessions.slice(0, WARM_UP)));
const before = processCost(pid);
const startedAtMs = performance.now();
const streams = await openStreams(port, sessions);
const openedMs = performance.now() - startedAtMs;
await delay(SETTLE_MS);
const opened = processCost(pid);
await delay(IDLE_MS);
const idle = processCost(pid);

const perStream = (bytes: number) => `${((bytes - before.residentBytes) / COUNT / KIB).toFixed(1)} KiB`;
say(
  `streams opened          ${COUNT} in ${Math.round(openedMs)} ms, ${Math.round(((opened.cpuSeconds - before.cpuSeconds) * 1e6) / COUNT)} µs of CPU each`,
);
say(
  `memory per stream (RSS) ${perStream(opened.residentBytes)} once open, ${perStream(idle.residentBytes)} after ${IDLE_MS / 1_000} s idle`,
);
say(`CPU while idle          ${(((idle.cpuSeconds - opened.cpuSeconds) / IDLE_MS) * 100_000).toFixed(1)} % of a core`);
await closeAll(streams);
