import { NODE_FLAGS } from "@chat-relay/core/node-flags";
import { freePort } from "@chat-relay/embedded/free-port";
import { runToEnd, startServer, type ServerProcess } from "../processes/server-process.ts";
import type { Pipeline, PipelineSetup, RunningPipeline } from "./pipeline.ts";

type Service = "gateway" | "dispatcher" | "receiver";

export interface ChatRelayOptions {
  gateways?: number;
  dispatchers?: number;
  /** Configuration that differs from the benchmark's. */
  env?: Record<string, string>;
  /** Arguments for the Node of a service, besides its own. */
  nodeArgs?: (server: string) => string[];
}

// As shipped, everything on. The limits count as ever; they are only so high that a visitor of the benchmark, who asks as
// quickly as a hundred people, does not run into them.
const LIMITS = {
  CHAT_RATE_LIMIT_MESSAGES: "1000000/60",
  CHAT_RATE_LIMIT_SESSIONS: "1000000/300",
  CHAT_RATE_LIMIT_WEBHOOKS: "1000000/60",
};

function baseEnv({ databaseUrl, broker, n8nUrl, secret }: PipelineSetup, receiverPort: number): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    NATS_URL: broker?.url ?? "",
    CHAT_N8N_WEBHOOK_URL: n8nUrl,
    CHAT_WEBHOOK_SECRET: secret,
    CHAT_RECEIVER_PORT: String(receiverPort),
    ...LIMITS,
  };
}

const PORT_VARIABLES = {
  gateway: "CHAT_GATEWAY_PORT",
  dispatcher: "CHAT_DISPATCHER_PORT",
  receiver: "CHAT_RECEIVER_PORT",
} as const satisfies Record<Service, string>;

async function startChatRelay(setup: PipelineSetup, options: ChatRelayOptions): Promise<RunningPipeline> {
  await using stack = new AsyncDisposableStack();
  const { gateways = 1, dispatchers = 1, env: given = {}, nodeArgs = () => [] } = options;
  const { folder } = setup;
  const receiverPort = await freePort();
  const env = { ...baseEnv(setup, receiverPort), ...given };
  await runToEnd({ name: "migrate", script: "apps/migrate/src/main.ts", env, folder });
  const start = async (service: Service, name: string, port: number): Promise<ServerProcess> => {
    const own = { ...env, [PORT_VARIABLES[service]]: String(port) };
    const script = `apps/${service}/src/main.ts`;
    return stack.use(
      await startServer({
        name,
        script,
        nodeArgs: [...NODE_FLAGS[service], ...nodeArgs(name)],
        env: own,
        port,
        folder,
      }),
    );
  };
  const servers = [await start("receiver", "receiver", receiverPort)];
  const gatewayPorts: number[] = [];
  for (let number = 1; number <= dispatchers; number += 1)
    servers.push(await start("dispatcher", numbered("dispatcher", number), await freePort()));
  for (let number = 1; number <= gateways; number += 1) {
    gatewayPorts.push(await freePort());
    servers.push(await start("gateway", numbered("gateway", number), gatewayPorts.at(-1) ?? 0));
  }
  const running = stack.move();
  const receiverUrl = `http://127.0.0.1:${receiverPort}`;
  return { gatewayPorts, receiverUrl, servers, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function numbered(service: Service, number: number): string {
  return number === 1 ? service : `${service}-${number}`;
}

/** chat-relay as it is shipped: a gateway, a dispatcher and a receiver, unless more are asked for. */
export function chatRelayPipeline(options: ChatRelayOptions = {}): Pipeline {
  const start: Pipeline["start"] = (setup) => startChatRelay(setup, options);
  return { name: "chat-relay", title: "chat-relay", broker: "nats", table: "chat_message", start };
}
