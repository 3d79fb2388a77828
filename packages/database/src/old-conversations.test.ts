import { readFileSync } from "node:fs";
import { newId } from "@chat-relay/core/ids";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimDelivery } from "./claim-delivery.ts";
import type { Database } from "./database.ts";
import { recordReply } from "./record-reply.ts";
import { settleDelivery } from "./settle-delivery.ts";

let own: TestDatabase;
let database: Database;

beforeAll(async () => {
  own = await createTestDatabase();
  database = own.database;
});
afterAll(() => own[Symbol.asyncDispose]());

function documented(): string {
  const document = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8");
  const [, sql] = /## Old conversations[^]*?```sql\n([^]*?)```/.exec(document) ?? [];
  if (sql === undefined) throw new Error("docs/operations.md does not say how old conversations are deleted");
  return sql;
}

/** A session with a message that was called for, and answered, before its outbox was emptied. */
async function answered(): Promise<string> {
  const sessionId = await givenSession(database);
  const { message } = await givenMessage(database, sessionId);
  const found = await claimDelivery(database, { messageId: message.id, sessionId }, 60_000);
  if (found.kind !== "claimed") throw new Error(found.kind);
  const attempt = { durationMs: 5, httpStatus: 200, error: null };
  await settleDelivery(database, found.claim, { kind: "delivered", attempt, replies: [] });
  const reply = { id: newId(), content: "Hi", messageType: "text", metadata: {}, callbackId: newId() } as const;
  await recordReply(database, { ...reply, sessionId, replyTo: message.id });
  return sessionId;
}

async function over(sessionId: string, days: number, since: "ended_at" | "expires_at" = "expires_at"): Promise<void> {
  const text = `UPDATE chat_session SET ${since} = now() - $2 * interval '1 day' WHERE id = $1`;
  await database.query({ name: "", text }, [sessionId, days]);
}

/** Rows of every table that belong to the session. */
async function rowsOf(sessionId: string): Promise<number[]> {
  const messages = "(SELECT id FROM chat_message WHERE session_id = $1)";
  const text = `SELECT
    (SELECT count(*)::int FROM chat_session WHERE id = $1) AS sessions,
    (SELECT count(*)::int FROM chat_message WHERE session_id = $1) AS messages,
    (SELECT count(*)::int FROM chat_webhook_queue WHERE session_id = $1) AS deliveries,
    (SELECT count(*)::int FROM chat_delivery_attempt WHERE message_id IN ${messages}) AS attempts,
    (SELECT count(*)::int FROM chat_reply_outbox WHERE message_id IN ${messages}) AS replies,
    (SELECT count(*)::int FROM chat_status_event WHERE session_id = $1) AS events`;
  const [row] = await database.query<Record<string, number>>({ name: "", text }, [sessionId]);
  return Object.values(row ?? {});
}

async function versions(sessionId: string): Promise<string[]> {
  const text = "SELECT xmin::text AS version FROM chat_session WHERE id = $1";
  return (await database.query<{ version: string }>({ name: "", text }, [sessionId])).map(({ version }) => version);
}

async function rowsIn(table: string): Promise<number> {
  const [row] = await database.query<{ rows: number }>(
    { name: "", text: `SELECT count(*)::int AS rows FROM ${table}` },
    [],
  );
  return row?.rows ?? Number.NaN;
}

const ANSWERED = [1, 2, 1, 1, 1, 2];
const EMPTY = [1, 0, 0, 0, 0, 0];

test("what the documents say empties old conversations, and leaves what is young or still to be delivered", async () => {
  const [old, ended, young, waiting] = await Promise.all([answered(), answered(), answered(), givenSession(database)]);
  await givenMessage(database, waiting);
  await Promise.all([over(old, 91), over(ended, 91, "ended_at"), over(young, 89), over(waiting, 91)]);
  expect(await rowsOf(old)).toEqual(ANSWERED);
  const empty = { name: "", text: documented() };
  await database.query(empty, []);
  expect([await rowsOf(old), await rowsOf(ended)]).toEqual([EMPTY, EMPTY]);
  expect(await rowsOf(young)).toEqual(ANSWERED);
  expect(await rowsOf(waiting)).toEqual([1, 1, 1, 0, 0, 0]);
  // Nothing is left without its message either.
  expect([await rowsIn("chat_delivery_attempt"), await rowsIn("chat_reply_outbox")]).toEqual([1, 1]);
  const [version] = await versions(old);
  await database.query(empty, []);
  expect(await versions(old)).toEqual([version]); // once is enough
});

test("an old conversation that changes at that moment is left alone", async () => {
  const sessionId = await answered();
  await over(sessionId, 91);
  await database.transaction(async (query) => {
    await query({ name: "", text: "UPDATE chat_session SET next_status = next_status WHERE id = $1" }, [sessionId]);
    await database.query({ name: "", text: documented() }, []);
  });
  expect(await rowsOf(sessionId)).toEqual(ANSWERED);
});

test("a reply that comes after the statement has begun is kept, with its conversation", async () => {
  const sessionId = await answered();
  await over(sessionId, 91);
  const waiting = `(id <> '${sessionId}' OR pg_advisory_xact_lock(7) IS NOT NULL) AND LEAST(`;
  const text = documented().replace("LEAST(", waiting);
  let emptied: Promise<unknown> = Promise.resolve();
  await database.transaction(async (query) => {
    await query({ name: "", text: "SELECT pg_advisory_xact_lock(7)" }, []);
    emptied = database.query({ name: "", text }, []);
    const held = { name: "", text: "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted" };
    await waitFor("the statement to wait", async () => (await database.query(held, [])).length > 0);
    const reply = { id: newId(), content: "Late", messageType: "text", metadata: {}, callbackId: newId() } as const;
    await recordReply(database, { ...reply, sessionId, replyTo: null });
  });
  await emptied;
  expect(await rowsOf(sessionId)).toEqual([1, 3, 1, 1, 2, 2]);
});
