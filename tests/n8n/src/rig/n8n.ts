import { leaveNothing } from "@chat-relay/testkit/leave-nothing";
import { stablePort } from "@chat-relay/testkit/stable-port";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { spawn, type ChildProcess } from "node:child_process";
import { n8nEnv, type N8nPlace } from "./n8n-env.ts";
import { N8nOwner } from "./n8n-owner.ts";

const START_MS = 240_000;
const ANSWER_MS = 10_000;

export interface N8nOptions {
  /** Its command line, for Node. */
  bin: string;
  home: string;
  /** Paths that its workflows are called at by POST: it has started when they are all there. */
  paths?: readonly string[];
  /** Over the quiet environment. */
  env?: Record<string, string>;
}

/** A real n8n as a child process on a home of its own; it can be killed and started again on the same port. */
export class N8n implements AsyncDisposable {
  readonly url: string;
  /** Does what its owner would do in the editor. */
  readonly owner: N8nOwner;
  #options: N8nOptions;
  #place: N8nPlace;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #output = "";
  #forget: () => void;

  private constructor(options: N8nOptions, place: N8nPlace) {
    this.#options = options;
    this.#place = place;
    this.url = `http://127.0.0.1:${place.port}`;
    this.owner = new N8nOwner(this.url);
    this.#forget = leaveNothing(() => this.#child?.kill("SIGKILL"));
  }

  /** One that is not yet started. */
  static async on(options: N8nOptions): Promise<N8n> {
    const place = { home: options.home, port: await stablePort(), brokerPort: await stablePort() };
    return new N8n(options, place);
  }

  /** Where the workflow with that path is called. */
  webhook(path: string): string {
    return `${this.url}/webhook/${path}`;
  }

  /** All that it has written. */
  output(): string {
    return this.#output;
  }

  /** Begins a life without waiting for anything. */
  spawn(): void {
    const env = { ...n8nEnv(this.#place), ...this.#options.env };
    const child = spawn(process.execPath, [this.#options.bin, "start"], { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once("close", resolve));
  }

  /** Waits until it says that it is up. Its workflows may need a moment more: `served`. */
  async ready(): Promise<void> {
    const ended = this.#ended.then(() => {
      throw new Error(`n8n ended: ${this.#output.slice(-4_000)}`);
    });
    await Promise.race([waitFor("n8n to be ready", () => this.#isReady(), START_MS), ended]);
    ended.catch(() => undefined);
  }

  /** Waits until all its workflows can be called. */
  async served(): Promise<void> {
    for (const path of this.#options.paths ?? []) await this.owner.untilActive(path);
  }

  async start(): Promise<void> {
    this.spawn();
    await this.ready();
    await this.served();
  }

  /** Ends it and waits for its end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child?.kill(signal);
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
    this.#forget();
  }

  async #isReady(): Promise<boolean> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(`${this.url}/healthz/readiness`, { signal }).catch(() => undefined);
    await response?.body?.cancel();
    return response?.status === 200;
  }
}
