import { createTestDatabase, openTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DatabaseUnavailableError, openDatabase, type Database, type Query } from "./database.ts";

let own: TestDatabase;
let database: Database;

beforeAll(async () => {
  own = await createTestDatabase();
  database = own.database;
  await database.query({ name: "", text: "CREATE TABLE probe (n int UNIQUE)" }, []);
});
afterAll(() => own[Symbol.asyncDispose]());
beforeEach(() => database.query({ name: "", text: "DELETE FROM probe" }, []));

const insert = (query: Query, n: number) =>
  query({ name: "probe-insert", text: "INSERT INTO probe (n) VALUES ($1)" }, [n]);
const rows = () => database.query<{ n: number }>({ name: "probe-all", text: "SELECT n FROM probe ORDER BY n" }, []);

describe("a transaction", () => {
  test("commits what its work did", async () => {
    await database.transaction(async (query) => {
      await insert(query, 1);
      await insert(query, 2);
    });
    expect(await rows()).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test("takes everything back when a statement fails", async () => {
    const work = database.transaction(async (query) => {
      await insert(query, 1);
      await insert(query, 1);
    });
    await expect(work).rejects.toMatchObject({ code: "23505" });
    expect(await rows()).toEqual([]);
  });

  test("takes everything back when its work throws, and passes the error on as it is", async () => {
    const work = database.transaction(async (query) => {
      await insert(query, 1);
      throw new TypeError("a fault of ours");
    });
    await expect(work).rejects.toThrow(TypeError);
    expect(await rows()).toEqual([]);
  });

  test("whose connection is cut is unavailable, and nothing of it stays", async () => {
    const work = database.transaction(async (query) => {
      await insert(query, 1);
      await query({ name: "", text: "SELECT pg_terminate_backend(pg_backend_pid())" }, []);
    });
    await expect(work).rejects.toThrow(DatabaseUnavailableError);
    expect(await rows()).toEqual([]);
  });
});

describe("when PostgreSQL", () => {
  test("is not there, a query says so", async () => {
    await using away = await openTestDatabase("postgres://127.0.0.1:1/nowhere");
    await expect(away.ping()).rejects.toThrow(DatabaseUnavailableError);
  });

  test("cuts idle connections, the next queries get new ones", async () => {
    await Promise.all(Array.from({ length: 5 }, () => database.ping()));
    const cut =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    await using other = await openTestDatabase(own.url, 1);
    await other.query({ name: "", text: cut }, []);
    await waitFor("the pool to heal", () => database.ping().then(() => true));
    await Promise.all(Array.from({ length: 5 }, () => database.ping()));
    expect(await rows()).toEqual([]);
  });

  test("does not answer in time, the query fails and its connection is replaced", async () => {
    const options = { url: own.url, poolSize: 1, timeoutMs: 300, applicationName: "chat-test" };
    await using impatient = await openDatabase(options);
    const pid = async () =>
      (await impatient.query<{ pid: number }>({ name: "pid", text: "SELECT pg_backend_pid() AS pid" }, []))[0]?.pid;
    const before = await pid();
    const slow = impatient.query({ name: "", text: "SELECT pg_sleep(20)" }, []);
    await expect(slow).rejects.toThrow(DatabaseUnavailableError);
    expect(await pid()).not.toBe(before);
  });

  test("keeps a statement waiting for a lock, what was given up is not committed later", async () => {
    const options = { url: own.url, poolSize: 2, timeoutMs: 500, applicationName: "chat-test" };
    await using impatient = await openDatabase(options);
    await database.transaction(async (query) => {
      await query({ name: "", text: "LOCK TABLE probe" }, []);
      await expect(insert(impatient.query, 1)).rejects.toThrow(DatabaseUnavailableError);
    });
    await insert(database.query, 2); // waits for whoever queued for the lock before
    expect(await rows()).toEqual([{ n: 2 }]);
  });

  test("has no tables yet, that is no fault of the caller", async () => {
    const missing = database.query({ name: "", text: "SELECT 1 FROM chat_nothing" }, []);
    await expect(missing).rejects.toThrow(DatabaseUnavailableError);
  });
});
