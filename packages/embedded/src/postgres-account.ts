import { accessSync, chownSync, constants, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { runCommand } from "./run-command.ts";

/** Who PostgreSQL runs as, and how a command is started as that account. */
export interface PostgresAccount {
  /** Unset: as whoever we are. */
  ids?: { uid: number; gid: number };
  /** Put before every command. */
  prefix: readonly string[];
  /** Hands a file or directory to the account. */
  own(path: string): void;
}

/** Files the account has to reach, for the decision how. */
export interface AccountNeeds {
  /** The existing cluster, if there is one: its owner must go on owning it. */
  clusterDir: string;
  paths: readonly string[];
}

/**
 * PostgreSQL refuses to run as root, so root hands it to an unprivileged account that exists already. When a parent
 * directory is closed to that account (a checkout below /root), it gets the one capability to pass, if the system
 * can give it.
 */
export async function choosePostgresAccount({ clusterDir, paths }: AccountNeeds): Promise<PostgresAccount> {
  if (process.getuid?.() !== 0) return { prefix: [], own: () => undefined };
  const ids = clusterOwner(clusterDir) ?? (await unprivilegedAccount());
  const own = (path: string): void => chownSync(path, ids.uid, ids.gid);
  const closed = paths.map((path) => closedParent(path, ids)).find((parent) => parent !== undefined);
  if (closed === undefined) return { ids, prefix: [], own };
  return { prefix: await prefixThatPasses(closed, ids), own };
}

function clusterOwner(clusterDir: string): { uid: number; gid: number } | undefined {
  const stat = statSync(clusterDir, { throwIfNoEntry: false });
  return stat === undefined || stat.uid === 0 ? undefined : { uid: stat.uid, gid: stat.gid };
}

async function unprivilegedAccount(): Promise<{ uid: number; gid: number }> {
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = await Promise.all([idOf("-u", name), idOf("-g", name)]);
    if (uid > 0 && gid >= 0) return { uid, gid };
  }
  throw new Error(
    "PostgreSQL cannot run as root and there is no account postgres or nobody: run as an ordinary user, or set DATABASE_URL",
  );
}

async function idOf(option: "-u" | "-g", name: string): Promise<number> {
  const { ok, stdout } = await runCommand("id", [option, name], { timeoutMs: 5_000 });
  return ok ? Number.parseInt(stdout, 10) : -1;
}

/** The outermost directory on the way to `path` that the account cannot pass. */
function closedParent(path: string, ids: { uid: number; gid: number }): string | undefined {
  const parent = dirname(path);
  const above = parent === path ? undefined : closedParent(parent, ids);
  if (above !== undefined) return above;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory()) return undefined;
  const bit = stat.uid === ids.uid ? 0o100 : stat.gid === ids.gid ? 0o010 : 0o001;
  return (stat.mode & bit) === 0 ? path : undefined;
}

// Smallest first: reading and searching directories; overriding all permissions only where a container grants no less.
const CAPABILITIES = [
  { name: "dac_read_search", bit: 2n },
  { name: "dac_override", bit: 1n },
] as const;

// Without it access() judges as if there were no capability, and initdb finds its own program inaccessible.
const KEEP_FOR_ACCESS = "--securebits=+no_setuid_fixup";

async function prefixThatPasses(closed: string, ids: { uid: number; gid: number }): Promise<readonly string[]> {
  const capability = CAPABILITIES.find(({ bit }) => (ownCapabilities() & (1n << bit)) !== 0n);
  const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find(isExecutable);
  if (setpriv !== undefined && capability !== undefined) {
    const { name } = capability;
    const prefix = [
      setpriv,
      `--reuid=${ids.uid}`,
      `--regid=${ids.gid}`,
      "--clear-groups",
      KEEP_FOR_ACCESS,
      `--inh-caps=+${name}`,
      `--ambient-caps=+${name}`,
      "--",
    ];
    if ((await runCommand(setpriv, [...prefix.slice(1), "test", "-x", closed], { timeoutMs: 5_000 })).ok) return prefix;
  }
  throw new Error(
    `PostgreSQL cannot run as root, and the account it would run as (uid ${ids.uid}) cannot enter ${closed}: ` +
      `use a checkout and CHAT_DATA_DIR outside of it, run as an ordinary user, or set DATABASE_URL`,
  );
}

function ownCapabilities(): bigint {
  try {
    const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"));
    return BigInt(`0x${line?.[1] ?? "0"}`);
  } catch {
    return 0n; // no Linux
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
