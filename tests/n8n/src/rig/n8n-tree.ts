import { defaultCacheDir } from "@chat-relay/embedded/nats-cache";
import { acquireProcessLock } from "@chat-relay/embedded/process-lock";
import { leaveNothing } from "@chat-relay/testkit/leave-nothing";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

const MANIFESTS = join(import.meta.dirname, "../../n8n");
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error"];
const SIGN_OF_LIFE_MS = 30_000;

/** An installed n8n. */
export interface N8nTree {
  folder: string;
  version: string;
  /** Its command line, for Node. */
  bin: string;
}

interface Step {
  name: string;
  tells: string;
  npm: string[];
  maxMinutes: number;
}

// Its packages' own scripts stay off: one of them downloads from elsewhere. These two need theirs.
const STEPS: readonly Step[] = [
  { name: "packages", tells: "its 2,200 packages (2.9 GB)", npm: ["ci", "--ignore-scripts"], maxMinutes: 45 },
  { name: "sqlite3", tells: "sqlite3, built for this Node", npm: ["rebuild", "sqlite3"], maxMinutes: 15 },
  { name: "isolated-vm", tells: "isolated-vm, built for this Node", npm: ["rebuild", "isolated-vm"], maxMinutes: 15 },
];

type Log = (line: string) => void;

function readManifest(name: string): string {
  return readFileSync(join(MANIFESTS, name), "utf8");
}

/** The n8n that the manifest names. */
function n8nVersion(): string {
  return (JSON.parse(readManifest("package.json")) as { dependencies: { n8n: string } }).dependencies.n8n;
}

/** npm under this very Node, whose headers it builds with where they are beside it. */
function npmEnv(): NodeJS.ProcessEnv {
  const home = dirname(dirname(process.execPath));
  const headers = existsSync(join(home, "include/node/node.h")) ? { npm_config_nodedir: home } : {};
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  return { ...process.env, ...headers, PATH: path, NODE_ENV: "production" };
}

/** Runs it to its end: the exit code, or the signal that ended it. */
async function runNpm(args: string[], folder: string, timeoutMs: number): Promise<number | NodeJS.Signals | null> {
  const cli = process.env["npm_execpath"];
  const [command, ...rest] = cli?.endsWith(".js") === true ? [process.execPath, cli] : ["npm"];
  const options = { cwd: folder, env: npmEnv(), stdio: "inherit", timeout: timeoutMs } as const;
  const child = spawn(command, [...rest, ...args, ...QUIET], options);
  const forget = leaveNothing(() => child.kill());
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? signal));
  });
  return ended.finally(forget);
}

async function runStep({ name, tells, npm, maxMinutes }: Step, folder: string, log: Log): Promise<void> {
  log(`installing ${tells}`);
  const startedAt = performance.now();
  const minutes = () => ((performance.now() - startedAt) / 60_000).toFixed(1);
  const timer = setInterval(() => log(`  still at it after ${minutes()} min`), SIGN_OF_LIFE_MS);
  const end = await runNpm(npm, folder, maxMinutes * 60_000).finally(() => clearInterval(timer));
  const failed = end === "SIGTERM" ? `did not end within ${maxMinutes} min` : "failed (see above)";
  if (end !== 0) throw new Error(`n8n: "npm ${npm.join(" ")}" ${failed} in ${folder}. Start again to go on from here`);
  log(`  ${name} done after ${minutes()} min`);
}

/** Installs what is not yet there. Each finished step leaves a mark, so that the next start goes on behind it. */
export async function installN8n(log: Log): Promise<N8nTree> {
  const version = n8nVersion();
  const cache = defaultCacheDir(process.env, join(tmpdir(), "chat-relay-cache"));
  const folder = join(cache, `n8n-${version}`);
  mkdirSync(folder, { recursive: true });
  using _lock = acquireProcessLock(join(folder, ".installing"));
  const wanted = createHash("sha256").update(readManifest("package-lock.json")).digest("hex");
  const mark = (step: Step) => join(folder, `.done-${step.name}-${process.platform}-${process.arch}`);
  const isDone = (step: Step) => existsSync(mark(step)) && readFileSync(mark(step), "utf8") === wanted;
  const first = STEPS.findIndex((step) => !isDone(step));
  const missing = first === -1 ? [] : STEPS.slice(first);
  if (missing.length > 0) log(`n8n ${version} goes into ${folder}, once`);
  for (const name of ["package.json", "package-lock.json"]) copyFileSync(join(MANIFESTS, name), join(folder, name));
  for (const step of missing) rmSync(mark(step), { force: true });
  for (const step of missing) {
    await runStep(step, folder, log);
    writeFileSync(mark(step), wanted);
  }
  return { folder, version, bin: join(folder, "node_modules/n8n/bin/n8n") };
}
