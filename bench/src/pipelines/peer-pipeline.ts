import { freePort } from "@chat-relay/embedded/free-port";
import { PEERS, type PeerName } from "../peers/peers.ts";
import { startServer } from "../processes/server-process.ts";
import type { Pipeline, PipelineSetup, RunningPipeline } from "./pipeline.ts";

const SCRIPT = "bench/src/peers/main.ts";

async function startPeer(name: PeerName, setup: PipelineSetup): Promise<RunningPipeline> {
  await using stack = new AsyncDisposableStack();
  const { databaseUrl, broker, n8nUrl, secret, folder } = setup;
  const [port, workerPort] = [await freePort(), await freePort()];
  const env = {
    DATABASE_URL: databaseUrl,
    BROKER_URL: broker?.url ?? "",
    N8N_URL: n8nUrl,
    WEBHOOK_SECRET: secret,
    GATEWAY_PORT: String(port),
    WORKER_PORT: String(workerPort),
  };
  const start = async (role: "gateway" | "worker", port: number) =>
    stack.use(await startServer({ name: role, script: SCRIPT, args: [role, name], env, port, folder }));
  const servers = [await start("gateway", port)];
  if ("startWorker" in PEERS[name]) servers.push(await start("worker", workerPort));
  const running = stack.move();
  return { gatewayPorts: [port], servers, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** A peer as a pipeline: one process for visitors and callbacks, and a worker where there is a queue. */
export function peerPipeline(name: PeerName, title: string, broker: Pipeline["broker"]): Pipeline {
  return { name, title, broker, table: "message", start: (setup) => startPeer(name, setup) };
}
