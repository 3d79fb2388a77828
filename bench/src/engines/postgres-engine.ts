import { startPostgres } from "@chat-relay/embedded/postgres";
import pg from "pg";

/** The PostgreSQL that all pipelines share, one after the other, each in a database of its own. */
export interface PostgresEngine extends AsyncDisposable {
  pid: number;
  version: string;
  /** A database, empty or a copy; what the one before left to be written is written. Returns its URL. */
  createDatabase(name: string, template?: string): Promise<string>;
  dropDatabase(name: string): Promise<void>;
  /** Cleans a database up and writes all that is to be written, so that it does not happen while something else is measured. */
  calm(url: string): Promise<void>;
  /** Rows of a table. */
  count(url: string, table: string): Promise<number>;
  /** Transactions so far that wrote something. */
  writes(): Promise<number>;
}

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

// Its statistics are a second late; these are counted as they begin, and a look is none of them.
const WRITES = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::float8 AS writes";

/** Starts it as it is shipped: every commit is on disk before it is answered. */
export async function startPostgresEngine(folder: string): Promise<PostgresEngine> {
  const server = await startPostgres({ dataDir: folder, port: 0, log: () => undefined });
  const { rows } = await onServer(server.url, (client) =>
    client.query<{ version: string }>("SELECT current_setting('server_version') AS version"),
  );
  return {
    pid: server.pid,
    version: rows[0]?.version ?? "unknown",
    createDatabase: async (name, template = "template1") => {
      await onServer(server.url, async (client) => {
        await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
        await client.query("CHECKPOINT");
      });
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      return url.href;
    },
    dropDatabase: (name) =>
      onServer(server.url, async (client) => void (await client.query(`DROP DATABASE ${name} WITH (FORCE)`))),
    calm: (url) =>
      onServer(url, async (client) => {
        await client.query("VACUUM");
        await client.query("CHECKPOINT");
      }),
    count: (url, table) =>
      onServer(url, async (client) => {
        const { rows: found } = await client.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${table}`);
        return found[0]?.rows ?? Number.NaN;
      }),
    writes: () =>
      onServer(server.url, async (client) => {
        const { rows: found } = await client.query<{ writes: number }>(WRITES);
        return found[0]?.writes ?? Number.NaN;
      }),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
