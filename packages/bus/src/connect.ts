import { setTimeout as pause } from "node:timers/promises";
import { connect, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node";

export interface ConnectOptions {
  servers: string[];
  name: string;
  /** Ends the wait for a server that is away; without it the process could not end. */
  signal: AbortSignal;
  /** Hears why the server cannot be reached: at first, and each time the reason changes. */
  onFailure?: (reason: string) => void;
}

const CONNECT_AGAIN_MS = 250;

function credentials(servers: string[]): Partial<NodeConnectionOptions> {
  const url = servers.map((server) => new URL(server)).find((candidate) => candidate.username !== "");
  if (url === undefined) return {};
  const user = decodeURIComponent(url.username);
  return url.password === "" ? { token: user } : { user, pass: decodeURIComponent(url.password) };
}

function withoutCredentials(server: string): string {
  const url = new URL(server);
  return `${url.hostname}:${url.port === "" ? "4222" : url.port}`;
}

function connectionOptions({ servers, name }: ConnectOptions): NodeConnectionOptions {
  const tls = servers.some((server) => server.startsWith("tls:"));
  return {
    servers: servers.map(withoutCredentials),
    ...credentials(servers),
    ...(tls ? { tls: {} } : {}),
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    ignoreAuthErrorAbort: true,
    // A connection that was cut without a word is noticed within 15 s.
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 5_000,
    // Else each publish makes two errors in advance, for their stacks.
    noAsyncTraces: true,
  };
}

/**
 * Connects, waiting for the server if need be, and never gives up on it later: the client's own default does after 20 s.
 * Its `waitOnFirstConnect` cannot be called off, hence our own loop.
 */
export async function connectToNats(options: ConnectOptions): Promise<NatsConnection> {
  let told: string | undefined;
  for (;;) {
    try {
      return await connect(connectionOptions(options));
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown error";
      if (reason !== told) options.onFailure?.(reason);
      told = reason;
      await pause(CONNECT_AGAIN_MS, undefined, { signal: options.signal });
    }
  }
}
