import { createTestDatabase } from "@chat-relay/testkit/test-database";
import { expect, test } from "vitest";
import { migrate, missingMigrations } from "./migrate.ts";

// Differences that no column has: partial indexes, fill factors and unlogged tables are the migration's own.
const STRUCTURE = /alter column|add column|drop column|create table|drop table|add constraint|drop constraint/i;

test("the entities describe the tables that the migrations make", async () => {
  await using own = await createTestDatabase();
  const sql = await own.database.orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false });
  const changes = sql.split(";\n").filter((statement) => STRUCTURE.test(statement));
  expect(changes).toEqual([]);
});

test("migrating a migrated database does nothing", async () => {
  await using own = await createTestDatabase();
  expect(await missingMigrations(own.database)).toEqual([]);
  expect(await migrate(own.url)).toEqual([]);
});

test("several that migrate at once apply each migration once", async () => {
  await using own = await createTestDatabase();
  await own.database.query({ name: "", text: "DROP SCHEMA public CASCADE" }, []);
  await own.database.query({ name: "", text: "CREATE SCHEMA public" }, []);
  expect(await missingMigrations(own.database)).toEqual(["add_chat_system", "add_status_events"]);
  const applied = await Promise.all([migrate(own.url), migrate(own.url), migrate(own.url)]);
  expect(applied.flat()).toEqual(["add_chat_system", "add_status_events"]);
  expect(await missingMigrations(own.database)).toEqual([]);
});
