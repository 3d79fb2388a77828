import { runCommand, type CommandOptions } from "@chat-relay/embedded/run-command";
import { freePort } from "@chat-relay/embedded/free-port";
import { leaveNothing } from "@chat-relay/testkit/leave-nothing";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { n8nEnv } from "./n8n-env.ts";
import type { Workflow } from "./workflow.ts";

const COMMAND_MS = 300_000;

export interface Credential {
  id: string;
  name: string;
  type: string;
  data: Record<string, string | number | boolean>;
}

/** Runs it to its end, or to ours. */
async function run(command: string, args: string[], options: CommandOptions): Promise<void> {
  const stop = new AbortController();
  const forget = leaveNothing(() => stop.abort());
  const result = await runCommand(command, args, { ...options, timeoutMs: COMMAND_MS, signal: stop.signal });
  forget();
  if (!result.ok) throw new Error(`${command} ${args.join(" ")}: ${result.stdout}\n${result.stderr}`);
}

/** The folder of one n8n, before it is started. */
export class N8nHome {
  readonly folder: string;
  #bin: string;

  constructor(folder: string, bin: string) {
    this.folder = folder;
    this.#bin = bin;
  }

  /** Imports them, as plain text: n8n encrypts them. */
  async importCredentials(credentials: readonly Credential[]): Promise<void> {
    const file = join(this.folder, "credentials.json");
    await writeFile(file, JSON.stringify(credentials));
    await this.#n8n("import:credentials", `--input=${file}`);
  }

  /** Imports them, not active. */
  async importWorkflows(workflows: readonly Workflow[]): Promise<void> {
    const file = join(this.folder, "workflows.json");
    await writeFile(file, JSON.stringify(workflows));
    await this.#n8n("import:workflow", `--input=${file}`);
  }

  /** Installs a packed community node; n8n finds it when it starts. */
  async installNode(packedFile: string): Promise<void> {
    const cwd = join(this.folder, ".n8n/nodes");
    await mkdir(cwd, { recursive: true });
    const args = ["install", "--no-audit", "--no-fund", "--loglevel=error", packedFile];
    await run("npm", args, { cwd });
  }

  async #n8n(...args: string[]): Promise<void> {
    const env = n8nEnv({ home: this.folder, port: await freePort(), brokerPort: await freePort() });
    await run(process.execPath, [this.#bin, ...args], { env });
  }
}
