import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { PostgresAccount } from "./postgres-account.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import { runCommand } from "./run-command.ts";

/** A database cluster on disk, ready to be started. */
export interface PostgresCluster {
  dir: string;
  database: string;
  user: string;
  password: string;
}

interface ClusterOptions {
  dataDir: string;
  account: PostgresAccount;
  binaries: PostgresBinaries;
  /** False where the caller gave up durability anyway. */
  sync: boolean;
}

const DATABASE = "chat_relay";
const USER = "postgres";
const INIT_TIMEOUT_MS = 120_000;

/** Where the cluster of a data directory is. */
export function clusterDirOf(dataDir: string): string {
  return join(dataDir, "cluster");
}

export function clusterExists(dataDir: string): boolean {
  return existsSync(join(clusterDirOf(dataDir), "PG_VERSION"));
}

/** Opens the cluster in `dataDir`, or makes it: UTF-8, sorted by code point, with a generated password. */
export async function openCluster(options: ClusterOptions): Promise<PostgresCluster> {
  const { dataDir } = options;
  const dir = clusterDirOf(dataDir);
  const passwordFile = join(dataDir, "password");
  if (!clusterExists(dataDir)) await createCluster(options, dir, passwordFile);
  return { dir, database: DATABASE, user: USER, password: readFileSync(passwordFile, "utf8").trim() };
}

// Made beside its place and renamed: a run that is killed half way leaves nothing that looks like a cluster.
async function createCluster(options: ClusterOptions, dir: string, passwordFile: string): Promise<void> {
  const draft = `${dir}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, `${randomBytes(24).toString("hex")}\n`, { mode: 0o600 });
  options.account.own(draft);
  options.account.own(passwordFile);
  await initdb(options, draft, passwordFile);
  await createDatabase(options, draft);
  renameSync(draft, dir);
}

async function initdb({ account, binaries, sync }: ClusterOptions, dir: string, passwordFile: string): Promise<void> {
  const args = [
    `--pgdata=${dir}`,
    `--username=${USER}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    ...(sync ? [] : ["--no-sync"]),
  ];
  await runAs(account, binaries.initdb, args);
}

// In single-user mode no port is opened and no client library is needed.
async function createDatabase({ account, binaries, sync }: ClusterOptions, dir: string): Promise<void> {
  const args = ["--single", "-D", dir, "-c", `fsync=${sync ? "on" : "off"}`, "-c", "log_checkpoints=off", "template1"];
  await runAs(account, binaries.postgres, args, `CREATE DATABASE ${DATABASE};\n`);
}

async function runAs(account: PostgresAccount, program: string, args: string[], input = ""): Promise<void> {
  const [command = program, ...rest] = [...account.prefix, program, ...args];
  const result = await runCommand(command, rest, {
    ...account.ids,
    cwd: "/",
    env: postgresEnv(),
    timeoutMs: INIT_TIMEOUT_MS,
    input,
  });
  // Single-user mode reports a failed statement only in words.
  if (result.ok && !/^.*(ERROR|FATAL):/m.test(result.stderr)) return;
  throw new Error(`PostgreSQL could not make its data directory: ${lastLines(result.stderr)}`);
}

/** A fixed environment: the user's own locale and PG* variables must not change what the server does. */
export function postgresEnv(): NodeJS.ProcessEnv {
  return { LC_ALL: "C", PATH: "/usr/local/bin:/usr/bin:/bin" };
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-5).join(" | ");
}
