import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "@chat-relay/embedded/free-port";
import { runCommand } from "@chat-relay/embedded/run-command";
import { spawnServerChild } from "@chat-relay/embedded/server-process";
import { KILL } from "@chat-relay/embedded/stop-process";
import { waitUntil } from "@chat-relay/embedded/wait-until";
import type { BrokerEngine } from "./broker.ts";

const PROGRAM = "redis-server";
const INSTALL_TIMEOUT_MS = 300_000;
const READY_TIMEOUT_MS = 10_000;
const STOP_STEPS = [{ signal: "SIGTERM", waitMs: 5_000 }, KILL] as const;

const INSTALL = `${PROGRAM} is not on PATH. BullMQ needs it:
  Debian, Ubuntu: apt-get install redis-server    macOS: brew install redis
Or leave BullMQ out: npm run bench -- --only chat-relay,inline,jetstream`;

async function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1", () => void socket.write("PING\r\n"));
  socket.once("data", (data) => resolve(data.toString().startsWith("+PONG")));
  socket.once("error", () => resolve(false));
  const answered = await promise;
  socket.destroy();
  return answered;
}

/** What is accepted is on disk: like a commit of PostgreSQL, and unlike the default of once a second. */
function settings(port: number, dir: string): string[] {
  const options = { port: String(port), bind: "127.0.0.1", dir, appendonly: "yes", appendfsync: "always", save: "" };
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Where that is allowed and Debian's packages are there to be had. */
async function install(say: (line: string) => void): Promise<void> {
  if (process.getuid?.() !== 0) return;
  say(`${PROGRAM} is not there: apt-get install redis-server`);
  const options = { timeoutMs: INSTALL_TIMEOUT_MS, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  await runCommand("apt-get", ["update"], options);
  await runCommand("apt-get", ["install", "--yes", "--no-install-recommends", "redis-server"], options);
}

/** Finds Redis on PATH; installs it when it is not there, or tells how to get it. */
export async function findRedis(say: (line: string) => void): Promise<BrokerEngine> {
  let told = await runCommand(PROGRAM, ["--version"]);
  if (!told.ok) {
    await install(say);
    told = await runCommand(PROGRAM, ["--version"]);
  }
  if (!told.ok) throw new Error(INSTALL);
  return {
    version: `redis-server ${/v=(\S+)/.exec(told.stdout)?.[1] ?? "unknown"}`,
    start: async (folder) => {
      const port = await freePort();
      const dir = join(folder, "redis");
      mkdirSync(dir, { recursive: true });
      const command = { command: PROGRAM, args: settings(port, dir), env: process.env };
      const child = await spawnServerChild(command, () => undefined);
      const stop = async () => child.stop(STOP_STEPS);
      if (!(await waitUntil(() => answers(port), { timeoutMs: READY_TIMEOUT_MS }))) {
        await stop();
        throw new Error(`${PROGRAM} did not start on port ${port}`);
      }
      return { name: "redis", pid: child.identity.pid, url: `redis://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop };
    },
  };
}
