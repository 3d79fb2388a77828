import { runApp, serviceProcess, type ServiceName } from "@chat-relay/testkit/service-process";
import { stablePort } from "@chat-relay/testkit/stable-port";
import type { World } from "./world.ts";

/** How a process of the world is configured that stands beside its services, with no fault proxy between. */
export function envBeside(world: World): Record<string, string> {
  return {
    ...world.env,
    ...world.editEnv,
    DATABASE_URL: world.postgres.url,
    NATS_URL: world.nats.map(({ server }) => server.url).join(","),
    CHAT_N8N_WEBHOOK_URL: world.n8n.url,
  };
}

/** Runs the migrate step. */
export function runMigrate(world: World): Promise<{ code: number | null; output: string }> {
  return runApp("migrate", envBeside(world));
}

export interface Refusal {
  kind: ServiceName;
  /** "runs" when it had not ended in time. */
  end: number | NodeJS.Signals | null | "runs";
  output: string;
}

/** Starts one more service and waits for its end. */
export async function startRefused(
  world: World,
  kind: ServiceName,
  { env = {}, withinMs = 30_000 }: { env?: Record<string, string>; withinMs?: number } = {},
): Promise<Refusal> {
  const port = await stablePort();
  const ended = Promise.withResolvers<Refusal["end"]>();
  const timer = setTimeout(() => ended.resolve("runs"), withinMs);
  const ownPort = { [`CHAT_${kind.toUpperCase()}_PORT`]: String(port) };
  const options = { port, env: { ...envBeside(world), ...ownPort, ...env }, onExit: ended.resolve };
  const service = serviceProcess(kind, options);
  service.spawn();
  const end = await ended.promise;
  clearTimeout(timer);
  await service.end("SIGKILL");
  return { kind, end, output: service.output() };
}
