import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { identifyProcess } from "./process-identity.ts";
import { startPostgres } from "./postgres.ts";
import type { PostgresOptions } from "./postgres.ts";

let dir: string;
const lines: string[] = [];
const FAST = { fsync: "off" };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "chat-relay-postgres-"));
  lines.length = 0;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function options(more: Partial<PostgresOptions> = {}): PostgresOptions {
  return { dataDir: join(dir, "postgres"), port: 0, settings: FAST, log: (line) => lines.push(line), ...more };
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A process of its own that starts a server and is then killed, so that the server is left behind. */
async function startInOtherProcess(): Promise<{ launcher: number; url: string; pid: number; kill(): Promise<void> }> {
  const script = `import { startPostgres } from ${JSON.stringify(new URL("./postgres.ts", import.meta.url).href)};
    const server = await startPostgres({ dataDir: ${JSON.stringify(join(dir, "postgres"))}, port: 0, settings: { fsync: "off" }, log: () => undefined });
    console.log(JSON.stringify({ url: server.url, pid: server.pid }));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    once(child, "exit"),
  ])) as [string];
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  return { ...(JSON.parse(line) as { url: string; pid: number }), launcher: child.pid ?? 0, kill };
}

describe("startPostgres", () => {
  test("serves an empty UTF-8 database on 127.0.0.1, with the given settings", async () => {
    await using server = await startPostgres(options({ settings: { ...FAST, max_connections: "37" } }));
    const [row] = await query(
      server.url,
      `select current_database() as database, getdatabaseencoding() as encoding, current_setting('max_connections') as connections,
       current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets, 'ä' < 'b' as by_letter`,
    );
    expect(row).toEqual({
      database: "chat_relay",
      encoding: "UTF8",
      connections: "37",
      addresses: "127.0.0.1",
      sockets: "",
      by_letter: false,
    });
  });

  test("asks for the password", async () => {
    await using server = await startPostgres(options());
    const url = new URL(server.url);
    url.password = "wrong";
    await expect(query(url.href, "select 1")).rejects.toThrow(/password authentication failed/);
  });

  test("keeps data over a stop, and leaves no lock or process behind", async () => {
    const first = await startPostgres(options());
    await query(first.url, "create table kept as select 7 as n");
    await first.stop();
    expect(await first.exited).toEqual({ code: 0, signal: null });
    expect(identifyProcess(first.pid)).toBeUndefined();
    for (const file of ["owner.lock", "server.json", "cluster/postmaster.pid"]) {
      expect(() => readFileSync(join(dir, "postgres", file))).toThrow(/ENOENT/);
    }
    await using second = await startPostgres(options());
    expect(await query(second.url, "select n from kept")).toEqual([{ n: 7 }]);
  });

  test("refuses a directory that a live server uses", async () => {
    await using _server = await startPostgres(options());
    await expect(startPostgres(options())).rejects.toThrow(`in use by process ${process.pid}`);
  });

  test("says why it cannot start on a port that is taken", async () => {
    await using server = await startPostgres(options());
    const other = options({ dataDir: join(dir, "other"), port: server.port });
    await expect(startPostgres(other)).rejects.toThrow(/did not start on port .*Address already in use/);
  });

  test("starts again at once after a SIGKILL, on the same port", async () => {
    const first = await startPostgres(options());
    const client = new pg.Client({ connectionString: first.url });
    client.on("error", () => undefined);
    await client.connect();
    const busy = client.query("select pg_sleep(60)").catch(() => undefined);
    first.kill("SIGKILL");
    expect(await first.exited).toEqual({ code: null, signal: "SIGKILL" });
    await using second = await startPostgres(options({ port: first.port }));
    expect(await query(second.url, "select 1 as one")).toEqual([{ one: 1 }]);
    await busy;
  });

  test("takes over from a launcher that was killed", async () => {
    const orphaned = await startInOtherProcess();
    await expect(startPostgres(options())).rejects.toThrow(`in use by process ${orphaned.launcher}`);
    await query(orphaned.url, "create table kept as select 8 as n");
    await orphaned.kill();
    expect(identifyProcess(orphaned.pid)).toBeDefined();
    await using server = await startPostgres(options());
    expect(identifyProcess(orphaned.pid)).toBeUndefined();
    expect(lines).toContainEqual(expect.stringContaining(`stopping process ${orphaned.pid}`));
    expect(await query(server.url, "select n from kept")).toEqual([{ n: 8 }]);
  });

  test("finds an orphan by its own pid file when our record is lost", async () => {
    const orphaned = await startInOtherProcess();
    await orphaned.kill();
    rmSync(join(dir, "postgres", "server.json"));
    await using server = await startPostgres(options());
    expect(identifyProcess(orphaned.pid)).toBeUndefined();
    expect(server.pid).not.toBe(orphaned.pid);
  });

  test("leaves alone a process that got the pid of a dead server", async () => {
    const first = await startPostgres(options());
    const pidFile = join(dir, "postgres", "cluster", "postmaster.pid");
    const content = readFileSync(pidFile, "utf8");
    await first.stop();
    const bystander = spawn(process.execPath, ["--eval", "setInterval(() => undefined, 1000)"], { stdio: "ignore" });
    const exited = once(bystander, "exit");
    try {
      writeFileSync(pidFile, content.replace(/^\d+/, String(bystander.pid)));
      writeFileSync(
        join(dir, "postgres", "server.json"),
        JSON.stringify({ pid: bystander.pid, startedAt: "another:1" }),
      );
      await using server = await startPostgres(options());
      expect(await query(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
      expect(identifyProcess(bystander.pid ?? 0)).toBeDefined();
    } finally {
      bystander.kill("SIGKILL");
      await exited;
    }
  });

  test("keeps what visitors wrote out of its log", async () => {
    await using server = await startPostgres(options());
    await expect(query(server.url, "select 'very private'::int")).rejects.toThrow(/invalid input syntax/);
    await query(server.url, "create table t (secret text unique); insert into t values ('very private')");
    await expect(query(server.url, "insert into t values ('very private')")).rejects.toThrow(/duplicate key/);
    await server.stop();
    expect(lines.some((line) => line.includes("database system is shut down"))).toBe(true); // all that it wrote was read
    expect(lines.filter((line) => /insert into|Key \(secret\)|duplicate key|very private/.test(line))).toEqual([]);
  });
});
