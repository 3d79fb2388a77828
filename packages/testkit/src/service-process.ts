import { waitFor } from "@chat-relay/testkit/wait-for";
import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

export type ServiceName = "gateway" | "dispatcher" | "receiver";

/** One service as a child process; it can be killed and started again on the same port. */
export interface ServiceProcess {
  name: ServiceName;
  url: string;
  /** Everything that it wrote, over all its lives. */
  output: () => string;
  start(): Promise<void>;
  /** Ends with the signal and waits for the end; returns the exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | string | null>;
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs an app to its end; for those that do not stay. */
export async function runApp(name: string, env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  const child = spawnApp(name, env);
  let output = "";
  const collect = (chunk: Buffer) => void (output += chunk.toString());
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}

function spawnApp(name: string, env: NodeJS.ProcessEnv): ChildProcess {
  const inherited = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
  return spawn(process.execPath, [`apps/${name}/src/main.ts`], {
    cwd: ROOT,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 200;
}

/** A service that is not yet started. */
export function serviceProcess(name: ServiceName, port: number, env: Record<string, string>): ServiceProcess {
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  let output = "";
  return {
    name,
    url,
    output: () => output,
    async start() {
      const started = spawnApp(name, env);
      child = started;
      const collect = (chunk: Buffer) => void (output += chunk.toString());
      started.stdout?.on("data", collect);
      started.stderr?.on("data", collect);
      await waitFor(`${name} to be ready`, async () => {
        if (started.exitCode !== null) throw new Error(`${name} exited: ${output}`);
        return isReady(url);
      });
    },
    async end(signal) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
      const ended = new Promise<number | string | null>((resolve) =>
        child?.once("close", (code, by) => resolve(code ?? by)),
      );
      child.kill(signal);
      return ended;
    },
  };
}
