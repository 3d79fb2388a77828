import { Migrator } from "@mikro-orm/migrations";
import { openDatabase, type Database } from "./database.ts";
import { MIGRATIONS, MIGRATION_TABLE } from "./migrations/index.ts";

const LOCK = { name: "migration-lock", text: "SELECT pg_advisory_xact_lock(hashtext('chat-relay migrations'))" };
// Building an index over a large table takes its time.
const TIMEOUT_MS = 600_000;

/** Applies what is missing, under a lock, so that two such jobs do not race. Returns the names applied. */
export async function migrate(url: string): Promise<string[]> {
  await using database = await openDatabase({ url, poolSize: 3, timeoutMs: TIMEOUT_MS, applicationName: "chat-migrate" });
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
  const rows = await database.query<{ name: string }>({ name: "migrations", text: `SELECT name FROM ${MIGRATION_TABLE}` }, []);
  const applied = new Set(rows.map((row) => row.name));
  return names.filter((name) => !applied.has(name));
}

/** Throws while the database lacks a migration: a service must not work on another shape than it knows. */
export async function requireMigrated(database: Pick<Database, "query">): Promise<void> {
  const missing = await missingMigrations(database);
  if (missing.length > 0) throw new Error(`the database lacks the migrations ${missing.join(", ")}: run npm run chat:migrate`);
}

const LOOK_AGAIN_MS = 1_000;

/** Resolves once the database is migrated, or the signal aborts; `onWaiting` hears each reason to wait. */
export async function untilMigrated(
  database: Pick<Database, "query">,
  signal: AbortSignal,
  onWaiting: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await requireMigrated(database);
    } catch (error) {
      onWaiting(error);
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }
}
