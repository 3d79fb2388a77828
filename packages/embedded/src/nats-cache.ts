import { chmodSync, copyFileSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { compareVersions, isNewEnough, natsVersionOf } from "./nats-version.ts";

export interface CachedNatsServer {
  path: string;
  version: string;
}

/** One cache per user, shared by all checkouts: `$XDG_CACHE_HOME/chat-relay`, else `~/.cache/chat-relay`. */
export function defaultCacheDir(env: Readonly<Record<string, string | undefined>>, fallback: string): string {
  const base = env["XDG_CACHE_HOME"];
  // The specification says to ignore a relative one.
  const dir = join(base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache"), "chat-relay");
  try {
    mkdirSync(dir, { recursive: true });
    return dir;
  } catch {
    return fallback; // an account without a home
  }
}

/** The newest usable nats-server of the cache. */
export async function findCachedNats(cacheDir: string): Promise<CachedNatsServer | undefined> {
  const prefix = `nats-server-${process.platform}-${process.arch}-`;
  const found: CachedNatsServer[] = [];
  for (const name of readdirSync(cacheDir).filter((entry) => entry.startsWith(prefix))) {
    const path = join(cacheDir, name);
    const version = await natsVersionOf(path); // asked, not read from the name: a broken file is no server
    if (version !== undefined && isNewEnough(version)) found.push({ path, version });
  }
  return found.toSorted((a, b) => compareVersions(b.version, a.version))[0];
}

/** Puts a program into the cache in one step, so that nobody ever starts half a file. */
export function cacheNats(cacheDir: string, program: string, version: string): CachedNatsServer {
  const path = join(cacheDir, `nats-server-${process.platform}-${process.arch}-${version}`);
  const draft = join(cacheDir, `draft-${randomUUID()}`);
  copyFileSync(program, draft);
  chmodSync(draft, 0o755);
  renameSync(draft, path);
  return { path, version };
}
