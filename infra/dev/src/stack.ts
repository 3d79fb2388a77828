import { join, relative } from "node:path";
import { baseUrl } from "./base-url.ts";
import { natsStarter, postgresStarter } from "./embedded-servers.ts";
import type { ServerStarter } from "./embedded-servers.ts";
import type { LauncherConfig } from "./launcher-config.ts";
import { openProcessRecord } from "./leftovers.ts";
import type { MergedLog } from "./merged-log.ts";
import { portsOf } from "./port-check.ts";
import { APPS, buildWidget, startApp, startSampleBot, startTurboDev } from "./service-children.ts";
import type { ChildSurroundings } from "./service-children.ts";
import { StartRefusal } from "./start-refusal.ts";
import { describeExit, EXIT_BAD_CONFIG, Supervisor } from "./supervisor.ts";
import type { RunningProcess } from "./child-process.ts";
import { waitReady } from "./wait-ready.ts";
import { openWebhookSecret } from "./webhook-secret.ts";

export interface StackOptions {
  root: string;
  launcher: LauncherConfig;
  log: MergedLog;
  /** `watch`: the apps reload on change. */
  mode: "run" | "watch";
  /** Gives up a start under way. */
  signal: AbortSignal;
  onBadConfig: (name: string) => void;
}

const READY_TIMEOUT_MS = 90_000;
// All has to be over within 15 s: this much for the services, the rest for bot, NATS and PostgreSQL.
const SERVICE_STOP_MS = 10_000;

/** Everything `npm start` runs, in the order in which it can start, and taken down in the order in which it can stop. */
export class Stack {
  readonly #options: StackOptions;
  readonly #around: ChildSurroundings;
  readonly #services: Supervisor[] = [];
  /** What the services need, in order of start. */
  readonly #needs: Supervisor[] = [];
  #starting: Promise<void> | undefined;

  constructor(options: StackOptions) {
    const { root, launcher, log } = options;
    this.#options = options;
    const graceMs = Math.max(SERVICE_STOP_MS, launcher.config.shutdownGraceMs + 2_000);
    this.#around = { root, env: launcher.env, log, record: openProcessRecord(launcher.dataDir), graceMs };
  }

  /** Starts it all and resolves when every service is ready. */
  async start(): Promise<void> {
    this.#starting = this.#startInOrder();
    await this.#starting;
  }

  /** Services first, since they hand back work under way; then what they need, last started first. */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    await Promise.all(this.#services.toReversed().map(async (service) => await service.stop()));
    for (const need of this.#needs.toReversed()) await need.stop();
    this.#around.record.clear();
  }

  kill(): void {
    for (const unit of [...this.#services, ...this.#needs]) unit.kill();
  }

  async #startInOrder(): Promise<void> {
    const { launcher, log, signal } = this.#options;
    const { uses } = launcher;
    if (uses.generatedSecret) this.#provide({ CHAT_WEBHOOK_SECRET: openWebhookSecret(launcher.dataDir) });
    if (uses.embeddedPostgres)
      this.#provide({
        DATABASE_URL: await this.#startServer("postgres", "PostgreSQL", postgresStarter(launcher, log, signal)),
      });
    else log.say("PostgreSQL   the one of DATABASE_URL");
    if (uses.embeddedNats)
      this.#provide({ NATS_URL: await this.#startServer("nats", "NATS", natsStarter(launcher, log, signal)) });
    else log.say("NATS         the one of NATS_URL");
    // Before the migrations: like every process of ours they check the whole configuration.
    if (uses.sampleBot) this.#provide({ CHAT_N8N_WEBHOOK_URL: `${this.#botUrl()}/webhook/chat` });
    await this.#runJob("Migrations", async () => await startApp("migrate", this.#around));
    await this.#runJob("Widget", async () => await buildWidget(this.#around));
    if (uses.sampleBot) await this.#startBot();
    await this.#startServices();
  }

  #provide(variables: Record<string, string>): void {
    this.#around.env = { ...this.#around.env, ...variables };
  }

  async #startServer(name: "postgres" | "nats", title: string, start: ServerStarter): Promise<string> {
    let url = "";
    const supervisor = await this.#supervise(name, async () => {
      const server = await start();
      url = server.url;
      return server;
    });
    this.#needs.push(supervisor);
    const { root, launcher, log } = this.#options;
    const dir = relative(root, join(launcher.dataDir, name));
    log.say(
      `${title.padEnd(12)} embedded on ${new URL(url).host}, data in ${dir.startsWith("..") ? join(launcher.dataDir, name) : dir}`,
    );
    return url;
  }

  async #supervise(name: string, start: () => Promise<RunningProcess>): Promise<Supervisor> {
    const { log, signal, onBadConfig } = this.#options;
    signal.throwIfAborted();
    return await Supervisor.start({ name, start, say: log.say, onBadConfig });
  }

  /** Runs what comes to an end by itself, and must have done so before what follows. */
  async #runJob(title: string, start: () => Promise<RunningProcess>): Promise<void> {
    const { log, signal } = this.#options;
    signal.throwIfAborted();
    const job = await start();
    const stop = (): void => void job.stop();
    signal.addEventListener("abort", stop, { once: true });
    const exit = await job.exited;
    signal.removeEventListener("abort", stop);
    signal.throwIfAborted();
    if (exit.code === 0) return log.say(`${title.padEnd(12)} done`);
    throw new StartRefusal(
      `${title.toLowerCase()}: failed (${describeExit(exit)}), see above`,
      exit.code === EXIT_BAD_CONFIG ? EXIT_BAD_CONFIG : 1,
    );
  }

  async #startBot(): Promise<void> {
    this.#needs.push(await this.#supervise("sample-bot", async () => await startSampleBot(this.#around)));
    await this.#untilReady("sample bot", this.#botUrl());
  }

  #botUrl(): string {
    const { host, sampleBotPort } = this.#options.launcher.config;
    return baseUrl(host, sampleBotPort);
  }

  async #startServices(): Promise<void> {
    if (this.#options.mode === "watch")
      this.#services.push(await this.#supervise("turbo", async () => await startTurboDev(this.#around)));
    const { host } = this.#options.launcher.config;
    for (const name of APPS) {
      if (this.#options.mode === "run")
        this.#services.push(await this.#supervise(name, async () => await startApp(name, this.#around)));
      const port = portsOf(this.#options.launcher).find((candidate) => candidate.name === name)?.port ?? 0;
      await this.#untilReady(name, baseUrl(host, port));
    }
  }

  async #untilReady(name: string, url: string): Promise<void> {
    const { log, signal } = this.#options;
    const ready = await waitReady(url, { timeoutMs: READY_TIMEOUT_MS, signal });
    signal.throwIfAborted();
    if (!ready)
      throw new StartRefusal(
        `${name}: no answer from ${url}/readyz within ${READY_TIMEOUT_MS / 1_000} s, see its lines above`,
      );
    log.say(`${(name[0] ?? "").toUpperCase()}${name.slice(1).padEnd(11)} ${url}`);
  }
}
