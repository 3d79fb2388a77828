import { MikroORM } from "@mikro-orm/postgresql";
import { DatabaseError, types, type Pool, type PoolClient, type QueryConfig, type QueryResult } from "pg";
import { entities } from "./entities/index.ts";
import { GroupedCalls, type SessionCall } from "./grouped-calls.ts";
import { MIGRATIONS, MIGRATION_TABLE } from "./migrations/index.ts";

/** PostgreSQL cannot be reached, or a statement's fate is unknown: the caller answers 503 or tries again. */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";
  /** For the log: where it was thrown says nothing. */
  readonly isOutage = true;
}

/** A statement with a name, so that PostgreSQL parses and plans it once per connection. */
export interface Statement {
  name: string;
  text: string;
}

/** Runs one statement; inside a transaction, on that transaction's connection. */
export type Query = <Row>(statement: Statement, values: readonly unknown[]) => Promise<Row[]>;

/** PostgreSQL as chat-relay uses it. */
export interface Database extends AsyncDisposable {
  query: Query;
  /** Makes a call of a statement that serves many at once, with those that come at the same time: one round trip, one commit. */
  together<Row>(statement: Statement, call: SessionCall): Promise<Row>;
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** A real round trip; throws when PostgreSQL is away. */
  ping(): Promise<void>;
  /** For the operator's queries and migrations; the transactions of a conversation are plain SQL. */
  orm: MikroORM;
}

export interface DatabaseOptions {
  url: string;
  poolSize: number;
  timeoutMs: number;
  applicationName: string;
  /** Connections that broke while idle, and the like. */
  onWarning?: (message: string) => void;
}

const TIMESTAMPTZ = 1184;
const INT8 = 20;
const DATE_TO_ISO = (text: string) => new Date(text).toISOString();
const JSON_TYPES = [114, 3802];

const resultTypes = {
  getTypeParser(oid: number, format?: "text" | "binary") {
    if (oid === TIMESTAMPTZ) return DATE_TO_ISO;
    if (oid === INT8) return Number;
    if (JSON_TYPES.includes(oid)) return JSON.parse;
    return types.getTypeParser(oid, format);
  },
};

// Connection lost, database or role not (yet) there, too many connections, shutdown, time-out: it cannot serve now.
const UNAVAILABLE_CLASSES = ["08", "28", "3D", "53", "57"];
// Read-only after a failover; a deadlock or conflict, whose loser may simply try again; no tables before the migration.
const UNAVAILABLE_CODES = ["25006", "40001", "40P01", "42P01"];

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return true; // pg's own errors are all about the connection
  const code = error.code ?? "";
  return UNAVAILABLE_CLASSES.includes(code.slice(0, 2)) || UNAVAILABLE_CODES.includes(code);
}

// A deadlock or conflict, or a statement that took too long, perhaps for another's lock: nothing of it was done.
const ROLLED_BACK_CODES = ["40001", "40P01", "57014"];

function isRolledBack({ cause }: DatabaseUnavailableError): boolean {
  return cause instanceof DatabaseError && ROLLED_BACK_CODES.includes(cause.code ?? "");
}

function translate(error: unknown): unknown {
  if (!isUnavailable(error)) return error;
  return new DatabaseUnavailableError(error instanceof Error ? error.message : "PostgreSQL failed", { cause: error });
}

/** The name of the unique constraint that a statement ran into, if that was its fault. */
export function violatedConstraint(error: unknown): string | undefined {
  return error instanceof DatabaseError && error.code === "23505" ? error.constraint : undefined;
}

async function run(client: PoolClient, statement: string | QueryConfig): Promise<QueryResult> {
  try {
    return await client.query(statement);
  } catch (error) {
    throw translate(error);
  }
}

function queryOn(client: PoolClient): Query {
  return async <Row>(statement: Statement, values: readonly unknown[]): Promise<Row[]> => {
    const { rows } = await run(client, { ...statement, values: [...values], types: resultTypes });
    return rows as Row[];
  };
}

/** Lends a connection. One on which a statement's fate is unknown is closed: so is its state. */
async function withClient<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw translate(error);
  });
  let broken = false;
  try {
    return await work(client);
  } catch (error) {
    broken = error instanceof DatabaseUnavailableError;
    throw error;
  } finally {
    client.release(broken);
  }
}

async function inTransaction<T>(client: PoolClient, work: (query: Query) => Promise<T>): Promise<T> {
  await run(client, "BEGIN");
  try {
    const result = await work(queryOn(client));
    await run(client, "COMMIT");
    return result;
  } catch (error) {
    // A connection that is about to be closed is rolled back by the server.
    if (!(error instanceof DatabaseUnavailableError)) await run(client, "ROLLBACK");
    throw error;
  }
}

function poolOptions(options: DatabaseOptions) {
  return {
    max: options.poolSize,
    connectionTimeoutMillis: options.timeoutMs,
    query_timeout: options.timeoutMs,
    // The server gives up first: what the client gave up could still be committed when a lock is free.
    statement_timeout: Math.ceil(options.timeoutMs * 0.8),
    idle_in_transaction_session_timeout: 3 * options.timeoutMs,
    application_name: options.applicationName,
    // Every table is asked by its indexes, row by row, and for each row once. Plans are made while tables are small, and stay.
    // To start a process takes longer than any of them.
    options:
      "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_memoize=off -c jit=off -c max_parallel_workers_per_gather=0 -c plan_cache_mode=force_generic_plan",
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  };
}

function createOrm(url: string, driverOptions: object): MikroORM {
  return new MikroORM({
    clientUrl: url,
    dbName: decodeURIComponent(new URL(url).pathname.slice(1)) || "postgres",
    entities: [...entities],
    driverOptions,
    migrations: { migrationsList: MIGRATIONS, tableName: MIGRATION_TABLE, snapshot: false, allOrNothing: true },
    debug: false,
    logger: () => undefined, // it writes prose to the console; what matters is thrown or counted
  });
}

/** Opens the pool. It connects when first used and heals by itself. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  let pool: Pool | undefined;
  const orm = createOrm(options.url, {
    ...poolOptions(options),
    onPoolCreated: (created: Pool) => {
      pool = created;
      created.on("error", (error) => options.onWarning?.(error.message));
    },
  });
  orm.em.getKysely(); // makes the ORM create its pool now
  if (pool === undefined) throw new Error("MikroORM created no connection pool");
  return fromPool(pool, orm, options.timeoutMs);
}

function fromPool(pool: Pool, orm: MikroORM, timeoutMs: number): Database {
  const query: Query = (statement, values) => withClient(pool, (client) => queryOn(client)(statement, values));
  const transaction = <T>(work: (query: Query) => Promise<T>) =>
    withClient(pool, (client) => inTransaction(client, work));
  const grouped = new GroupedCalls({
    query,
    transaction,
    isOutage: (error) => error instanceof DatabaseUnavailableError && !isRolledBack(error),
    timeoutMs,
    overdue: () => new DatabaseUnavailableError("PostgreSQL does not keep up"),
  });
  return {
    query,
    together: (statement, call) => grouped.make(statement, call),
    transaction,
    ping: async () => {
      await query({ name: "ping", text: "SELECT 1" }, []);
    },
    orm,
    async [Symbol.asyncDispose]() {
      await orm.close(true);
      if (!pool.ended) await pool.end(); // the ORM closes only what it opened itself
    },
  };
}
