import { openDatabase, type Database } from "@chat-relay/database/database";
import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import type {} from "./infrastructure.ts";
import { runStatement } from "./run-statement.ts";

export interface TestDatabase extends AsyncDisposable {
  url: string;
  database: Database;
}

/** Opens a pool on a URL, with warnings dropped. */
export function openTestDatabase(url: string, poolSize = 10, timeoutMs = 5_000): Promise<Database> {
  return openDatabase({ url, poolSize, timeoutMs, applicationName: "chat-test" });
}

/** A migrated database of its own, copied from the run's template; dropped when disposed. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { databaseUrl, templateDatabase } = inject("infrastructure");
  const name = `chat_${randomBytes(6).toString("hex")}`;
  await runStatement(databaseUrl, `CREATE DATABASE ${name} TEMPLATE ${templateDatabase}`);
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  const database = await openTestDatabase(url.href);
  return {
    url: url.href,
    database,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await runStatement(databaseUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}
