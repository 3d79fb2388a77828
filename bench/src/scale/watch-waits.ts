import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

/** What statements under way were found waiting for, as shares of all that were found. */
export type Waits = Record<string, number>;

/** Looks again and again, until it is disposed of. */
export interface WaitsWatch extends AsyncDisposable {
  seen(): Waits;
}

const EVERY_MS = 50;

// To wait for the client is not to wait.
const LOOK = {
  name: "waits",
  text: `
    SELECT CASE WHEN wait_event_type IN ('Lock', 'LWLock', 'IO') THEN wait_event_type || ' ' || wait_event ELSE 'none' END AS wait,
      count(*)::int AS found
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()
    GROUP BY 1`,
};

function shares(found: ReadonlyMap<string, number>): Waits {
  const all = [...found.values()].reduce((sum, count) => sum + count, 0);
  const waited = [...found].filter(([wait]) => wait !== "none");
  return Object.fromEntries(waited.map(([wait, count]) => [wait, count / all]));
}

/** Watches what PostgreSQL's statements wait for: a row, a lock or a page that all of them touch would show. */
export async function watchWaits(databaseUrl: string): Promise<WaitsWatch> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on("error", () => undefined); // its database may be dropped under it: then there is nothing more to see
  await client.connect();
  const found = new Map<string, number>();
  const stopping = new AbortController();
  const watch = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const { rows } = await client.query<{ wait: string; found: number }>(LOOK);
      for (const row of rows) found.set(row.wait, (found.get(row.wait) ?? 0) + row.found);
      await delay(EVERY_MS, undefined, { signal: stopping.signal });
    }
  };
  const watching = watch().catch(() => undefined);
  return {
    seen: () => shares(found),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await watching;
      await client.end();
    },
  };
}
