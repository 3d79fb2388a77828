// What every npm script starts with: plain JavaScript for Node 20 or newer, without dependencies. Installs what is
// missing, then runs the given TypeScript file under Node 24: node infra/dev/bootstrap.mjs [--env] <script.ts> [arguments]
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const NODE_MAJOR = 24;
/** Settings of this checkout: for what `--env` stands before, not for the tests. */
const ENV_FILE = join(ROOT, ".env");
const INSTALL_LOCK = join(ROOT, "node_modules", ".chat-relay-install.lock");
// The versions are those of the lock file, which stays as it is. Not `npm ci`: that empties node_modules first, also
// when a single package is missing, and under whatever runs from it.
const INSTALL_OPTIONS = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];

class Refusal extends Error {}

function say(line) {
  process.stderr.write(`chat-relay: ${line}\n`);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * npm notes in node_modules what it really installed. Compared by content, not by time: a fresh checkout of the same
 * lock file is no reason to install. What is not there but optional belongs to another platform.
 */
function isInstalled() {
  const wanted = readJson(join(ROOT, "package-lock.json"))?.packages;
  const installed = readJson(join(ROOT, "node_modules/.package-lock.json"))?.packages;
  if (wanted === undefined)
    throw new Refusal(`package-lock.json is missing in ${ROOT}: restore it from the repository`);
  if (installed === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes("node_modules/")) return true; // our own packages: their dependencies have entries of their own
    const present = installed[path];
    if (present === undefined) return entry.optional === true || entry.devOptional === true || entry.peer === true;
    return present.version === entry.version && present.integrity === entry.integrity;
  });
}

async function installIfNeeded() {
  if (isInstalled()) return;
  await withInstallLock(async () => {
    if (isInstalled()) return; // by the one we waited for
    say("installing dependencies with npm, this can take a minute");
    const { code, signal } = await npm(["install", ...INSTALL_OPTIONS]);
    if (signal !== null || code === 130 || code === 143) throw new Refusal("stopped while installing dependencies");
    if (code !== 0)
      throw new Refusal(
        `npm install failed (see above). Check the network and that ${ROOT} is writable, then try again`,
      );
    say("dependencies installed");
  });
}

/** The npm that started us, else the one on PATH. */
async function npm(args) {
  const cli = process.env.npm_execpath;
  const [command, ...all] = cli?.endsWith(".js") ? [process.execPath, cli, ...args] : ["npm", ...args];
  return await run(command, all, { stdio: ["ignore", "inherit", "inherit"] });
}

/** Two installations at once would pull node_modules away under each other. */
async function withInstallLock(work) {
  for (let told = false; !takeLock(); told = true) {
    if (!told) say("another process is installing dependencies, waiting for it");
    await delay(200);
  }
  try {
    await work();
  } finally {
    rmSync(INSTALL_LOCK, { force: true });
  }
}

function takeLock() {
  try {
    mkdirSync(dirname(INSTALL_LOCK), { recursive: true });
    writeFileSync(INSTALL_LOCK, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw new Refusal(`cannot write to ${ROOT}: ${error.message}`);
  }
  const holder = Number(readFileSync(INSTALL_LOCK, { encoding: "utf8", flag: "a+" }));
  if (holder > 0 && !isRunning(holder)) rmSync(INSTALL_LOCK, { force: true });
  return false;
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** The Node that npm installed for this project, else this one when it is new enough. */
function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const pinned = join(ROOT, "node_modules", name, "bin", "node");
  if (existsSync(pinned)) return pinned;
  throw new Refusal(
    `Node ${NODE_MAJOR} or newer is needed, this is ${process.version}, and npm has none for ${process.platform} ${process.arch} in this project: ` +
      `install Node ${NODE_MAJOR} (https://nodejs.org) and try again`,
  );
}

/** Runs a child to its end; the signals that reach us reach it too. */
async function run(command, args, options) {
  const child = spawn(command, args, { cwd: ROOT, ...options });
  const forward = (signal) => child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    return await new Promise((done, fail) => {
      child.once("error", fail);
      child.once("exit", (code, signal) => done({ code, signal }));
    });
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}

async function runScript(script, args) {
  const node = findNode();
  const readEnvFile = withEnvFile && existsSync(ENV_FILE); // what is set already stays
  if (node === process.execPath) {
    if (readEnvFile) process.loadEnvFile(ENV_FILE);
    process.argv = [node, script, ...args];
    await import(pathToFileURL(script).href);
    return;
  }
  // The channel tells the child when we die without having been able to say so.
  const { code, signal } = await run(node, [...(readEnvFile ? [`--env-file=${ENV_FILE}`] : []), script, ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  if (signal !== null) process.kill(process.pid, signal);
  process.exitCode = code ?? 1;
}

/** An npm that was killed can pass no signal on: then this process stops as if it had. */
function stopWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return; // started by hand: may outlive its shell
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, 1_000);
  timer.unref();
}

const withEnvFile = process.argv[2] === "--env";
const [script, ...args] = process.argv.slice(withEnvFile ? 3 : 2);
stopWithNpm();
try {
  if (script === undefined) throw new Refusal("usage: node infra/dev/bootstrap.mjs [--env] <script.ts> [arguments]");
  process.chdir(ROOT);
  await installIfNeeded();
  await runScript(resolve(ROOT, script), args);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  say(error.message);
  process.exitCode = 1;
}
