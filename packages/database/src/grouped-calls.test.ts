import { newId } from "@chat-relay/core/ids";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, openTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { acceptMessage } from "./accept-message.ts";
import { claimDelivery } from "./claim-delivery.ts";
import { DatabaseUnavailableError, type Database, type Statement } from "./database.ts";
import { CALL_COLUMNS, CALLS_OF_FREE_SESSIONS, GroupedCalls } from "./grouped-calls.ts";
import { countUnpublished, markTokensPublished } from "./outbox.ts";
import { createRateLimiter } from "./rate-limiter.ts";
import { readAllMessages } from "./read-messages.ts";
import { settleDelivery } from "./settle-delivery.ts";

let own: TestDatabase;
let database: Database;

beforeEach(async () => {
  own = await createTestDatabase();
  database = own.database;
});
afterEach(() => own[Symbol.asyncDispose]());

const OVERDUE = new Error("overdue");
const LIMITS = {
  isOutage: (error: unknown) => error instanceof DatabaseUnavailableError,
  timeoutMs: 5_000,
  overdue: () => OVERDUE,
};

/** Grouped calls, and the groups in which they went to the database. */
function watched(): { grouped: GroupedCalls; groups: number[][] } {
  const groups: number[][] = [];
  const query: Database["query"] = (statement, values) => {
    const calls = JSON.parse(String(values[0])) as { number: number }[];
    groups.push(calls.map(({ number }) => number));
    return database.query(statement, values);
  };
  const transaction: Database["transaction"] = (work) => database.transaction(work);
  return { grouped: new GroupedCalls({ ...LIMITS, query, transaction }), groups };
}

const COUNT: Statement = {
  name: "test-count",
  text: `
    WITH given AS MATERIALIZED (
      SELECT * FROM json_to_recordset($1) AS given (n int, session_id uuid, number int, divisor int)
    ), asked AS MATERIALIZED (
      SELECT given.*, s.version FROM ${CALLS_OF_FREE_SESSIONS}
    ), changed AS (
      UPDATE chat_session s SET next_sequence = s.next_sequence + 10 / asked.divisor
      FROM asked WHERE s.ctid = asked.version
      RETURNING asked.n, s.next_sequence
    )
    SELECT ${CALL_COLUMNS}, given.number, changed.next_sequence
    FROM given LEFT JOIN asked USING (n) LEFT JOIN changed USING (n)`,
};

interface Counted {
  number: number;
  next_sequence: number | null;
}

const sessions = (count: number) => Promise.all(Array.from({ length: count }, () => givenSession(database)));

/** Holds the session's row until released. */
async function hold(sessionId: string): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const work = database.transaction(async (query) => {
    await query({ name: "", text: "SELECT 1 FROM chat_session WHERE id = $1 FOR UPDATE" }, [sessionId]);
    held.resolve();
    await released.promise;
  });
  await held.promise;
  return async () => {
    released.resolve();
    await work;
  };
}

describe("calls that come at the same time", () => {
  test("go as one statement, and each gets its own row", async () => {
    const { grouped, groups } = watched();
    const ids = await sessions(5);
    const rows = await Promise.all(
      ids.map((session_id, number) => grouped.make<Counted>(COUNT, { session_id, number, divisor: 1 })),
    );
    expect(rows.map((row) => row.number)).toEqual([0, 1, 2, 3, 4]);
    expect(rows.every((row) => row.next_sequence === 11)).toBe(true);
    expect(groups).toEqual([[0, 1, 2, 3, 4]]);
  });

  test("of one session go one after another, in their order", async () => {
    const { grouped, groups } = watched();
    const [session_id = ""] = await sessions(1);
    const rows = await Promise.all(
      [0, 1, 2].map((number) => grouped.make<Counted>(COUNT, { session_id, number, divisor: 1 })),
    );
    expect(rows.map((row) => row.next_sequence)).toEqual([11, 21, 31]);
    expect(groups).toEqual([[0], [1], [2]]);
  });

  test("are no more than a statement should have", async () => {
    const { grouped, groups } = watched();
    const ids = await sessions(150);
    await Promise.all(ids.map((session_id, number) => grouped.make(COUNT, { session_id, number, divisor: 1 })));
    expect(groups.map((group) => group.length)).toEqual([50, 50, 50]);
    const text = "x".repeat(300_000);
    groups.length = 0;
    await Promise.all(ids.slice(0, 3).map((session_id) => grouped.make(COUNT, { session_id, divisor: 1, text })));
    expect(groups.map((group) => group.length)).toEqual([1, 1, 1]);
  });

  test("do not fail with the one that PostgreSQL refuses", async () => {
    const { grouped } = watched();
    const ids = await sessions(3);
    const results = await Promise.allSettled(
      ids.map((session_id, number) =>
        grouped.make<Counted>(COUNT, { session_id, number, divisor: number === 1 ? 0 : 1 }),
      ),
    );
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(results[1]).toMatchObject({ reason: { message: "division by zero" } });
    const again = await grouped.make<Counted>(COUNT, { session_id: ids[1] ?? "", number: 1, divisor: 1 });
    expect(again.next_sequence).toBe(11);
  });

  test("fail together when PostgreSQL is away, and the next ones do not", async () => {
    const ids = await sessions(2);
    const unreachable = new DatabaseUnavailableError("away");
    let away = true;
    const grouped = new GroupedCalls({
      ...LIMITS,
      query: (statement, values) => (away ? Promise.reject(unreachable) : database.query(statement, values)),
      transaction: () => Promise.reject(new Error("made again")),
      isOutage: (error) => error === unreachable,
    });
    const make = () => Promise.allSettled(ids.map((session_id) => grouped.make(COUNT, { session_id, divisor: 1 })));
    expect(await make()).toEqual([
      { status: "rejected", reason: unreachable },
      { status: "rejected", reason: unreachable },
    ]);
    away = false;
    expect((await make()).map((result) => result.status)).toEqual(["fulfilled", "fulfilled"]);
  });
});

test("a call does not overtake one of its session that was too large for the group", async () => {
  const { grouped, groups } = watched();
  const [first, second] = await sessions(2);
  const make = (session_id: string | undefined, number: number, chars: number) =>
    grouped.make(COUNT, { session_id: session_id ?? "", number, divisor: 1, text: "x".repeat(chars) });
  await Promise.all([make(first, 1, 300_000), make(second, 2, 300_000), make(second, 3, 1)]);
  expect(groups).toEqual([[1], [2], [3]]);
});

test("while PostgreSQL hangs nobody waits for long: not behind others, and not behind one's own session", async () => {
  const [one = "", ...others] = await sessions(20);
  const hanging: ((error: Error) => void)[] = [];
  const grouped = new GroupedCalls({
    ...LIMITS,
    timeoutMs: 2_000,
    query: () => new Promise((_resolve, reject) => hanging.push(reject)),
    transaction: () => Promise.reject(new Error("made again")),
  });
  const ended: string[] = [];
  const make = (session_id: string, name: string) =>
    grouped.make(COUNT, { session_id, divisor: 1 }).catch((error: unknown) => ended.push(`${name}: ${String(error)}`));
  const calls = [make(one, "first"), ...others.map((id) => make(id, "other")), make(one, "second"), make(one, "third")];
  await waitFor("the statement", () => hanging.length === 1);
  const lateMs = performance.now() + 2_000;
  await waitFor("the time that a call may wait", () => performance.now() > lateMs);
  hanging[0]?.(new DatabaseUnavailableError("timed out"));
  await Promise.all(calls);
  expect(ended.toSorted((a, b) => a.localeCompare(b))).toEqual([
    "first: DatabaseUnavailableError: timed out",
    ...others.map(() => "other: DatabaseUnavailableError: timed out"),
    "second: Error: overdue",
    "third: Error: overdue",
  ]);
});

test("a row of the ledger that somebody holds costs its own message's claim alone", async () => {
  await using own = await createTestDatabase();
  await using patient = await openTestDatabase(own.url, 10, 1_000);
  const ids = await Promise.all([givenSession(own.database), givenSession(own.database)]);
  const messages = await Promise.all(ids.map((id) => givenMessage(own.database, id)));
  await own.database.transaction(async (query) => {
    const text = "SELECT 1 FROM chat_webhook_queue WHERE message_id = $1 FOR UPDATE";
    await query({ name: "", text }, [messages[0]?.message.id]);
    const claims = messages.map(({ message }) =>
      claimDelivery(patient, { messageId: message.id, sessionId: message.sessionId }, 60_000),
    );
    expect((await Promise.allSettled(claims)).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });
});

test("marks of tokens wait for no claim", async () => {
  const { message } = await givenMessage(database, await givenSession(database));
  await database.transaction(async (query) => {
    const text = "SELECT 1 FROM chat_webhook_queue WHERE message_id = $1 FOR UPDATE";
    await query({ name: "", text }, [message.id]);
    await markTokensPublished(database, [{ messageId: message.id, epoch: 1, streamSequence: 1 }]);
  });
  expect(await countUnpublished(database, 10, false)).toBe(1);
  await markTokensPublished(database, [{ messageId: message.id, epoch: 1, streamSequence: 1 }]);
  expect(await countUnpublished(database, 10, false)).toBe(0);
});

describe("a session that is busy", () => {
  test("holds up only its own call, which is made when it is free", async () => {
    const { grouped, groups } = watched();
    const [busy = "", free = ""] = await sessions(2);
    const release = await hold(busy);
    const waits = grouped.make<Counted>(COUNT, { session_id: busy, number: 0, divisor: 1 });
    const goes = grouped.make<Counted>(COUNT, { session_id: free, number: 1, divisor: 1 });
    expect((await goes).next_sequence).toBe(11);
    await waitFor("it to wait for the session's lock", async () => {
      const text = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
      return (await database.query({ name: "", text }, [])).length === 1;
    });
    expect(groups).toEqual([[0, 1], [0], [0], [0], [0]]);
    await release();
    expect((await waits).next_sequence).toBe(11);
  });

  test("goes with a later group when it is free by then, and before the next call of its session", async () => {
    const [busy = "", free = ""] = await sessions(2);
    const release = await hold(busy);
    const groups: number[][] = [];
    const grouped = new GroupedCalls({
      ...LIMITS,
      query: async (statement, values) => {
        const calls = JSON.parse(String(values[0])) as { number: number }[];
        groups.push(calls.map(({ number }) => number));
        if (groups.length === 2) await release();
        return database.query(statement, values);
      },
      transaction: () => Promise.reject(new Error("made alone")),
    });
    const make = (session_id: string, number: number) =>
      grouped.make<Counted>(COUNT, { session_id, number, divisor: 1 });
    const rows = await Promise.all([make(busy, 0), make(busy, 1), make(free, 2)]);
    expect(rows.map((row) => row.next_sequence)).toEqual([11, 21, 11]);
    expect(groups).toEqual([[0, 2], [0], [1]]);
  });

  test("a session that there is not is none", async () => {
    const { grouped, groups } = watched();
    const row = await grouped.make<Counted>(COUNT, { session_id: newId(), number: 0, divisor: 1 });
    expect(row.next_sequence).toBeNull();
    expect(groups).toHaveLength(1);
  });

  test("one that was changed since the statement began is taken for busy", async () => {
    const [session_id = ""] = await sessions(1);
    // Waits between its snapshot and its look at the session.
    const slow = {
      name: "",
      text: COUNT.text.replace("FROM json_to_recordset", "FROM pg_advisory_xact_lock(7), json_to_recordset"),
    };
    let result: Promise<{ busy: boolean; next_sequence: number | null }[]> | undefined;
    await database.transaction(async (query) => {
      await query({ name: "", text: "SELECT pg_advisory_xact_lock(7)" }, []);
      result = database.query(slow, [JSON.stringify([{ n: 0, session_id, divisor: 1 }])]);
      await waitFor("it to wait", async () => {
        const text = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        return (await database.query({ name: "", text }, [])).length === 1;
      });
      await givenMessage(database, session_id);
    });
    expect(await result).toMatchObject([{ busy: true, next_sequence: null }]);
  });
});

test("sends to one session at several gateways, while it is settled, leave no gap and no message without its turn", async () => {
  const sessionId = await givenSession(database);
  await using elsewhere = await openTestDatabase(own.url);
  const fixed = { messageType: "text", metadata: {}, idempotencyKey: null } as const;
  const send = (by: Database) =>
    acceptMessage(by, {
      ...fixed,
      id: newId(),
      sessionId,
      content: "Hi",
      callbackUrl: "http://127.0.0.1/",
      sessionTtlMs: 60_000,
    });
  const { message: first } = await givenMessage(database, sessionId);
  let next = first.id;
  const settleAll = async () => {
    for (let settled = 0; settled < 41; settled += 1) {
      const claimed = await claimDelivery(elsewhere, { messageId: next, sessionId }, 60_000);
      if (claimed.kind !== "claimed") throw new Error(`${settled}: ${claimed.kind}`);
      const attempt = { durationMs: 1, httpStatus: 200, error: null };
      const result = await settleDelivery(elsewhere, claimed.claim, { kind: "delivered", attempt, replies: [] });
      if (result.kind !== "settled") throw new Error(result.kind);
      const [announced] = result.announcements;
      if (announced !== undefined) next = announced.message.id;
      else if (settled < 40) next = await headOnceThere();
    }
  };
  const headOnceThere = async () => {
    const text = "SELECT head_id FROM chat_session WHERE id = $1 AND head_id IS NOT NULL";
    return waitFor("the next message", async () => {
      const [row] = await database.query<{ head_id: string }>({ name: "", text }, [sessionId]);
      return row?.head_id;
    });
  };
  const sendAll = (by: Database) => Promise.all(Array.from({ length: 20 }, () => send(by)));
  await Promise.all([sendAll(database), sendAll(elsewhere), settleAll()]);
  const messages = await readAllMessages(database, sessionId);
  expect(messages.map((message) => message.sequence)).toEqual(Array.from({ length: 41 }, (_, index) => index + 1));
  expect(messages.every((message) => message.status === "delivered")).toBe(true);
});

test("of two sends with one key, at two gateways at the same moment, one is the message and the other its repeat", async () => {
  const sessionId = await givenSession(database);
  await using elsewhere = await openTestDatabase(own.url);
  const release = await hold(sessionId);
  const fixed = { sessionId, content: "Hi", messageType: "text", metadata: {}, idempotencyKey: "k" } as const;
  const rest = { callbackUrl: "http://127.0.0.1/", sessionTtlMs: 60_000 };
  const limit = createRateLimiter(database, "messages", { count: 1, seconds: 60 }, false);
  const sends = [database, elsewhere].map((by) => acceptMessage(by, { ...fixed, ...rest, id: newId() }, limit));
  await waitFor("both to wait", async () => {
    const text = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    return (await database.query({ name: "", text }, [])).length === 2;
  });
  await release();
  expect((await Promise.all(sends)).map(({ kind }) => kind).toSorted()).toEqual(["accepted", "duplicate_key"]);
  expect(await readAllMessages(database, sessionId)).toHaveLength(1);
});
