import { Migrator } from "@mikro-orm/migrations";
import { openDatabase, type Database } from "./database.ts";
import { MIGRATIONS, MIGRATION_TABLE } from "./migrations/index.ts";

const LOCK = { name: "migration-lock", text: "SELECT pg_advisory_xact_lock(hashtext('chat-relay migrations'))" };
// Building an index over a large table takes its time.
const TIMEOUT_MS = 600_000;

/** Applies what is missing, under a lock, so that two such jobs do not race. Returns the names applied. */
export async function migrate(url: string): Promise<string[]> {
  await using database = await openDatabase({
    url,
    poolSize: 3,
    timeoutMs: TIMEOUT_MS,
    applicationName: "chat-migrate",
  });
  // Awaited here: the pool must not be closed under the work.
  return await database.transaction(async (query) => {
    await query(LOCK, []);
    const applied = await new Migrator(database.orm.em).up();
    return applied.map((item) => item.name);
  });
}

/** Names of the migrations that the database lacks; all of them when it was never migrated. */
export async function missingMigrations(database: Pick<Database, "query">): Promise<string[]> {
  const names = MIGRATIONS.map((item) => item.name);
  const present = { name: "migration-table", text: `SELECT to_regclass('${MIGRATION_TABLE}') IS NOT NULL AS present` };
  const [table] = await database.query<{ present: boolean }>(present, []);
  if (table?.present !== true) return names;
  const rows = await database.query<{ name: string }>(
    { name: "migrations", text: `SELECT name FROM ${MIGRATION_TABLE}` },
    [],
  );
  const applied = new Set(rows.map((row) => row.name));
  return names.filter((name) => !applied.has(name));
}

/** A check that fails while the database cannot be reached or lacks a migration: a service must not work on another shape. */
export function migratedCheck(database: Pick<Database, "query" | "ping">): () => Promise<void> {
  let migrated = false;
  return async () => {
    if (migrated) return database.ping();
    const missing = await missingMigrations(database);
    if (missing.length > 0) throw new Error(`migrations are missing: ${missing.join(", ")}; run npm run chat:migrate`);
    migrated = true; // they do not go away again
  };
}

const LOOK_AGAIN_MS = 1_000;

/** Resolves once the check succeeds, or the signal aborts; `onWaiting` hears each reason to wait. */
export async function untilMigrated(
  check: () => Promise<void>,
  signal: AbortSignal,
  onWaiting: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await check();
    } catch (error) {
      onWaiting(error);
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }
}
