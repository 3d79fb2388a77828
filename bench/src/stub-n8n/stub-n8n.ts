import { freePort } from "@chat-relay/embedded/free-port";
import { startServer, type ServerProcess } from "../processes/server-process.ts";

/** What the stub saw so far. */
export interface StubStats {
  received: number;
  forged: number;
  /** Messages that came again. */
  repeated: number;
  outOfOrder: number;
  callbacksFailed: number;
}

export interface StubN8n extends ServerProcess {
  stats(): Promise<StubStats>;
}

/** Starts the stub that stands in for n8n, the same for all pipelines. */
export async function startStubN8n(folder: string, secret: string): Promise<StubN8n> {
  const port = await freePort();
  const env = { PORT: String(port), WEBHOOK_SECRET: secret };
  const server = await startServer({ name: "stub-n8n", script: "bench/src/stub-n8n/main.ts", env, port, folder });
  const stats = async () => (await (await fetch(server.url)).json()) as StubStats;
  return { ...server, stats };
}
