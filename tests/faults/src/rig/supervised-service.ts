import { serviceProcess, type ServiceName, type ServiceProcess } from "@chat-relay/testkit/service-process";
import { startFaultProxy, type FaultProxy } from "@chat-relay/testkit/fault-proxy";
import { stablePort } from "@chat-relay/testkit/stable-port";
import { readHoldings, type Holdings } from "./holdings.ts";

export interface SupervisedOptions {
  kind: ServiceName;
  /** 1…, among those of its kind. */
  number: number;
  databaseUrl: string;
  natsUrls: string[];
  n8nUrl: string;
  env: Record<string, string>;
  nodeArgs: string[];
}

const RESTART_MS = 250;

/**
 * A service as it runs under a supervisor: whenever it dies, it is started again. It reaches each of its servers through
 * a fault proxy of its own.
 */
export class SupervisedService implements AsyncDisposable {
  readonly name: string;
  readonly kind: ServiceName;
  readonly postgres: FaultProxy;
  /** One for each node. */
  readonly nats: FaultProxy[];
  readonly n8n: FaultProxy;
  /** Ends that nobody had asked for with `stop`. */
  kills = 0;
  /** Those of them that were its own doing: nobody had killed it. */
  ends = 0;
  /** What it held when it had just become ready; of its present life. */
  baseline: Holdings | undefined;
  #process: ServiceProcess;
  #env: Record<string, string>;
  #wanted = false;
  #restart: NodeJS.Timeout | undefined;

  private constructor(
    options: SupervisedOptions,
    proxies: { postgres: FaultProxy; nats: FaultProxy[]; n8n: FaultProxy },
    port: number,
  ) {
    this.kind = options.kind;
    this.name = `${options.kind}-${options.number}`;
    this.postgres = proxies.postgres;
    this.nats = proxies.nats;
    this.n8n = proxies.n8n;
    const n8nUrl = new URL(this.n8n.url);
    n8nUrl.pathname = `/webhook/${this.name}`;
    const env: Record<string, string> = {
      ...options.env,
      DATABASE_URL: this.postgres.url,
      NATS_URL: this.nats.map((proxy) => proxy.url).join(","),
      CHAT_N8N_WEBHOOK_URL: n8nUrl.href,
      [`CHAT_${options.kind.toUpperCase()}_PORT`]: String(port),
    };
    this.#env = env;
    const onExit = (by: number | NodeJS.Signals | null) => this.#exited(by);
    this.#process = serviceProcess(options.kind, { port, env, nodeArgs: options.nodeArgs, onExit });
  }

  /** Makes it and its proxies; it is not started yet. */
  static async create(options: SupervisedOptions): Promise<SupervisedService> {
    const postgres = await startFaultProxy(options.databaseUrl);
    const nats = await Promise.all(options.natsUrls.map((url) => startFaultProxy(url)));
    const n8n = await startFaultProxy(options.n8nUrl);
    return new SupervisedService(options, { postgres, nats, n8n }, await stablePort());
  }

  get url(): string {
    return this.#process.url;
  }

  get proxies(): FaultProxy[] {
    return [this.postgres, ...this.nats, this.n8n];
  }

  get pid(): number | undefined {
    return this.#process.running ? this.#process.pid : undefined;
  }

  output(): string {
    return this.#process.output();
  }

  /** Changes its configuration, from its next life on. */
  configure(env: Record<string, string>): void {
    Object.assign(this.#env, env);
  }

  /** Starts it and waits until it is ready. */
  async start(): Promise<void> {
    this.#wanted = true;
    this.#process.spawn();
    await this.ready();
  }

  async ready(timeoutMs = 60_000): Promise<void> {
    await this.#process.ready(timeoutMs);
    this.baseline ??= readHoldings(this);
  }

  /** Kills it; the supervisor starts it again. */
  async kill(): Promise<void> {
    await this.#process.end("SIGKILL");
  }

  /** Ends it in order and leaves it down; returns the exit code or the signal. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | string | null> {
    this.#wanted = false;
    clearTimeout(this.#restart);
    return this.#process.end(signal);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  /** Holds the process as it is (SIGSTOP). */
  pause(): void {
    this.signal("SIGSTOP");
  }

  /** Lets it go on, as if no time had passed (SIGCONT). */
  resume(): void {
    this.signal("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
    await Promise.all(this.proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  }

  #exited(by: number | NodeJS.Signals | null): void {
    this.baseline = undefined;
    if (this.#wanted || by === "SIGKILL") this.kills += 1;
    if (!this.#wanted) return;
    // The rig kills by SIGKILL alone; a process that finds no more memory ends by a signal of its own.
    if (by !== "SIGKILL") this.ends += 1;
    this.#restart = setTimeout(() => {
      this.#process.spawn();
      void this.ready().catch(() => undefined); // whoever waits for it learns of it
    }, RESTART_MS);
  }
}
