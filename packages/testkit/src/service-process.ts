import { spawn, type ChildProcess } from "node:child_process";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { waitFor } from "./wait-for.ts";

const REPO_ROOT = resolve(import.meta.dirname, "../../..");

export type ServiceName = "gateway" | "dispatcher" | "receiver";

export interface ServiceProcessOptions {
  port: number;
  env: Record<string, string>;
  /** For node, before the service's own file. */
  nodeArgs?: string[];
  /** Hears of each end, wanted or not. */
  onExit?: (by: number | NodeJS.Signals | null) => void;
}

/** One service as a child process; it can be killed and started again on the same port. */
export interface ServiceProcess {
  name: ServiceName;
  url: string;
  /** Of the present or the last life. */
  readonly pid: number | undefined;
  readonly running: boolean;
  /** Everything that it wrote, over all its lives. */
  output: () => string;
  /** Begins a life without waiting for anything. */
  spawn(): void;
  /** Waits until it is ready; throws when it ends instead. */
  ready(timeoutMs?: number): Promise<void>;
  /** Begins a life and waits until it is ready. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Ends with the signal and waits for the end; returns the exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | string | null>;
}

/** Runs an app to its end; for those that do not stay. */
export async function runApp(name: string, env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  const child = spawnApp(name, env, []);
  let output = "";
  collect(child, (text) => (output += text));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}

function spawnApp(name: string, env: NodeJS.ProcessEnv, nodeArgs: string[]): ChildProcess {
  const inherited = {
    PATH: process.env["PATH"],
    HOME: process.env["HOME"],
    NODE_COMPILE_CACHE: join(tmpdir(), "chat-relay-compile-cache"), // a third of the CPU of a start
  };
  return spawn(process.execPath, [...nodeArgs, `apps/${name}/src/main.ts`], {
    cwd: REPO_ROOT,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function collect(child: ChildProcess, add: (text: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8");
    stream?.on("data", add);
  }
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 200;
}

class Service implements ServiceProcess {
  name: ServiceName;
  url: string;
  #options: ServiceProcessOptions;
  #child: ChildProcess | undefined;
  #closed: Promise<number | string | null> = Promise.resolve(null);
  #output = "";

  constructor(name: ServiceName, options: ServiceProcessOptions) {
    this.name = name;
    this.url = `http://127.0.0.1:${options.port}`;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  output = (): string => this.#output;

  spawn(): void {
    const { env, nodeArgs, onExit } = this.#options;
    const child = spawnApp(this.name, env, nodeArgs ?? []);
    this.#child = child;
    collect(child, (text) => (this.#output += text));
    this.#closed = new Promise((resolve) => child.once("close", (code, by) => resolve(code ?? by)));
    child.once("exit", (code, by) => onExit?.(code ?? by));
  }

  async ready(timeoutMs?: number): Promise<void> {
    await waitFor(`${this.name} to be ready`, () => isReady(this.url), timeoutMs);
  }

  async start(): Promise<void> {
    this.spawn();
    const ended = this.#closed.then(() => {
      throw new Error(`${this.name} exited: ${this.#output.slice(-4_000)}`);
    });
    await Promise.race([this.ready(), ended]);
    ended.catch(() => undefined);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child?.kill(signal);
  }

  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    this.signal(signal);
    return this.#closed;
  }
}

/** A service that is not yet started. */
export function serviceProcess(name: ServiceName, options: ServiceProcessOptions): ServiceProcess {
  return new Service(name, options);
}
