import { startPostgres } from "@chat-relay/embedded/postgres";
import pg from "pg";

/** The PostgreSQL that all pipelines share, one after the other, each in a database of its own. */
export interface PostgresEngine extends AsyncDisposable {
  pid: number;
  version: string;
  /** A database, empty or a copy; what the one before left to be written is written. Returns its URL. */
  createDatabase(name: string, template?: string): Promise<string>;
  dropDatabase(name: string): Promise<void>;
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
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
