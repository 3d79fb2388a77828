import { connect, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node";

export interface ConnectOptions {
  servers: string[];
  name: string;
}

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

/** Connects, waiting for the server if need be, and never gives up on it later: the client's own default does after 20 s. */
export function connectToNats({ servers, name }: ConnectOptions): Promise<NatsConnection> {
  const tls = servers.some((server) => server.startsWith("tls:"));
  return connect({
    servers: servers.map(withoutCredentials),
    ...credentials(servers),
    ...(tls ? { tls: {} } : {}),
    name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    ignoreAuthErrorAbort: true,
    // A connection that was cut without a word is noticed within 15 s.
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 5_000,
  });
}
