import { defaultCacheDir } from "@chat-relay/embedded/nats-cache";
import { startNatsServer } from "@chat-relay/embedded/nats-server";
import { startPostgres } from "@chat-relay/embedded/postgres";
import { resolveNatsServer } from "@chat-relay/embedded/resolve-nats-server";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Servers } from "./global-setup.ts";
import { leaveNothing } from "./leave-nothing.ts";

// The data of a test run need not survive anything.
const FAST = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

// What the servers say is of interest only when they do not start, and then it is in the error.
const quiet = () => undefined;
const log = (line: string) => void process.stdout.write(` ${line}\n`);

/** Starts PostgreSQL and nats-server as child processes on free ports, in a temporary folder. */
export async function startEmbedded(natsConfig: string): Promise<Servers> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "chat-relay-test-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres({ dataDir: join(folder, "postgres"), port: 0, settings: FAST, log: quiet });
  cleanup.use(postgres);
  const binary = await resolveNatsServer({
    cacheDir: defaultCacheDir(process.env, join(tmpdir(), "chat-relay-cache")),
    binary: process.env["NATS_SERVER_BIN"],
    searchPath: process.env["PATH"],
    log,
  });
  const nats = await startNatsServer({
    binary: binary.path,
    storeDir: join(folder, "nats"),
    port: 0,
    extraConfig: natsConfig,
    log: quiet,
  });
  const stack = cleanup.move();
  stack.use(nats);
  // Of a run that is called off before its tests begin nobody else ends them. SIGQUIT: PostgreSQL takes its own children along.
  const forget = leaveNothing(() => {
    postgres.kill("SIGQUIT");
    nats.kill("SIGKILL");
  });
  return {
    kind: "embedded",
    version: `embedded PostgreSQL, nats-server ${binary.version}`,
    databaseUrl: postgres.url,
    natsAddress: nats.url,
    [Symbol.asyncDispose]: async () => {
      await stack.disposeAsync();
      forget();
    },
  };
}
