import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { cacheNats, findCachedNats } from "./nats-cache.ts";
import { fetchDebianNats } from "./nats-debian-package.ts";
import { downloadNatsRelease } from "./nats-release.ts";
import { isNewEnough, NATS_MINIMUM, natsVersionOf } from "./nats-version.ts";
import { acquireProcessLock, LockHeldError } from "./process-lock.ts";
import type { ProcessLock } from "./process-lock.ts";
import type { LineLog } from "./server-process.ts";
import { waitUntil } from "./wait-until.ts";

export interface ResolveNatsOptions {
  /** Where a fetched server is kept, see `defaultCacheDir`. */
  cacheDir: string;
  log: LineLog;
  /** NATS_SERVER_BIN: this one and no other. */
  binary?: string | undefined;
  /** PATH. */
  searchPath?: string | undefined;
  /** Another place of the release's files, for tests. */
  releaseUrl?: string;
  /** Gives up a fetch under way. */
  signal?: AbortSignal;
}

export interface ResolvedNatsServer {
  path: string;
  version: string;
  source: "NATS_SERVER_BIN" | "PATH" | "cache" | "release" | "debian";
}

// Debian installs it into a folder that is not on an ordinary user's PATH.
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
const OTHERS_FETCH_TIMEOUT_MS = 300_000;

/**
 * Finds a nats-server that is new enough, and fetches one where there is none: the named one, PATH, the cache, the
 * official release, Debian's package. Where all fail, the error tells what was tried and what can be done.
 */
export async function resolveNatsServer(options: ResolveNatsOptions): Promise<ResolvedNatsServer> {
  const { binary, cacheDir, log } = options;
  if (binary !== undefined) return await namedServer(binary);
  const tried: string[] = [];
  const found = (await onPath(options.searchPath, tried)) ?? (await inCache(cacheDir));
  const resolved = found ?? (await fetchOnce(options, tried));
  log(`nats-server: ${resolved.version} from ${resolved.source} (${resolved.path})`);
  return resolved;
}

async function namedServer(path: string): Promise<ResolvedNatsServer> {
  const version = await natsVersionOf(path);
  if (version === undefined) throw new Error(`NATS_SERVER_BIN: ${path} is no nats-server that runs here`);
  if (!isNewEnough(version))
    throw new Error(`NATS_SERVER_BIN: ${path} is version ${version}, at least ${NATS_MINIMUM} is needed`);
  return { path, version, source: "NATS_SERVER_BIN" };
}

async function onPath(searchPath: string | undefined, tried: string[]): Promise<ResolvedNatsServer | undefined> {
  const folders = new Set([
    ...(searchPath ?? "").split(delimiter).filter((folder) => folder !== ""),
    ...SYSTEM_FOLDERS,
  ]);
  for (const folder of folders) {
    const path = join(folder, "nats-server");
    const version = isExecutable(path) ? await natsVersionOf(path) : undefined;
    if (version !== undefined && isNewEnough(version)) return { path, version, source: "PATH" };
    if (version !== undefined) tried.push(`PATH: ${path} is version ${version}, at least ${NATS_MINIMUM} is needed`);
  }
  if (tried.length === 0) tried.push("PATH: no nats-server");
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function inCache(cacheDir: string): Promise<ResolvedNatsServer | undefined> {
  mkdirSync(cacheDir, { recursive: true });
  const cached = await findCachedNats(cacheDir);
  return cached === undefined ? undefined : { ...cached, source: "cache" };
}

/** Fetches under a lock: of several processes that start at once, one fetches and the others take the result. */
async function fetchOnce(options: ResolveNatsOptions, tried: string[]): Promise<ResolvedNatsServer> {
  using _lock = await cacheLock(options);
  removeLeftovers(options.cacheDir);
  return (await inCache(options.cacheDir)) ?? (await fetchServer(options, tried));
}

// Of a run that was killed: nobody else works here while we have the lock.
function removeLeftovers(cacheDir: string): void {
  const leftovers = readdirSync(cacheDir).filter((name) => /^(fetch|draft)-/.test(name));
  for (const name of leftovers) rmSync(join(cacheDir, name), { recursive: true, force: true });
}

async function cacheLock({ cacheDir, log, signal }: ResolveNatsOptions): Promise<ProcessLock> {
  let lock: ProcessLock | undefined;
  let told = false;
  const take = (): boolean => {
    signal?.throwIfAborted();
    try {
      lock = acquireProcessLock(join(cacheDir, "fetch.lock"));
      return true;
    } catch (error) {
      if (!(error instanceof LockHeldError)) throw error;
      if (!told) log(`nats-server: process ${error.holder.pid} is fetching it, waiting`);
      told = true;
      return false;
    }
  };
  await waitUntil(take, { timeoutMs: OTHERS_FETCH_TIMEOUT_MS, everyMs: 100 });
  if (lock === undefined)
    throw new Error(`nats-server: another process has been fetching it into ${cacheDir} for too long`);
  return lock;
}

async function fetchServer(
  { cacheDir, log, releaseUrl, signal }: ResolveNatsOptions,
  tried: string[],
): Promise<ResolvedNatsServer> {
  const stop = signal === undefined ? {} : { signal };
  const release = async (workDir: string): Promise<string> =>
    await downloadNatsRelease({ workDir, log, ...stop, ...(releaseUrl === undefined ? {} : { baseUrl: releaseUrl }) });
  const sources = [
    { source: "release", title: "official release", fetch: release },
    {
      source: "debian",
      title: "Debian package",
      fetch: async (workDir: string) => await fetchDebianNats({ workDir, log, ...stop }),
    },
  ] as const;
  for (const { source, title, fetch } of sources) {
    const result = await tryToFetch(cacheDir, fetch);
    if ("path" in result) return { ...result, source };
    signal?.throwIfAborted();
    log(`nats-server: ${title}: ${result.refusal}`);
    tried.push(`${title}: ${result.refusal}`);
  }
  throw new Error(
    [
      "no nats-server could be found or fetched:",
      ...tried.map((line) => `  ${line}`),
      `Install nats-server ${NATS_MINIMUM} or newer and set NATS_SERVER_BIN to it, or set NATS_URL to a running one with JetStream.`,
    ].join("\n"),
  );
}

async function tryToFetch(
  cacheDir: string,
  fetch: (workDir: string) => Promise<string>,
): Promise<{ path: string; version: string } | { refusal: string }> {
  const workDir = mkdtempSync(join(cacheDir, "fetch-"));
  try {
    const program = await fetch(workDir);
    const version = await natsVersionOf(program);
    return version === undefined ? { refusal: "the program does not run here" } : cacheNats(cacheDir, program, version);
  } catch (error) {
    return { refusal: (error as Error).message };
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}
