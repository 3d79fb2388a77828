import { newId } from "@chat-relay/core/ids";
import { createTestDatabase } from "@chat-relay/testkit/test-database";
import { expect, test } from "vitest";
import { ACCEPT_MESSAGE } from "./accept-message.ts";
import { CLAIM } from "./claim-delivery.ts";
import { readMessages } from "./read-messages.ts";
import { RECORD_REPLY } from "./record-reply.ts";
import { SETTLE } from "./settle-delivery.ts";

// A plan is made once for each connection, while the tables are perhaps still empty, and has to do when they are large.
// With sequential scans turned off the planner may still read all of an index.
test.each([ACCEPT_MESSAGE, CLAIM, SETTLE, RECORD_REPLY])("$name reads no table from end to end", async ({ text }) => {
  await using own = await createTestDatabase();
  const explain = { name: "", text: `EXPLAIN (GENERIC_PLAN) ${text}` };
  const rows = await own.database.query<{ "QUERY PLAN": string }>(explain, []);
  const plan = rows.map((row) => row["QUERY PLAN"]);
  const scans = plan.flatMap((line, at) => (/Scan .*on chat_/.test(line) ? [`${line}${plan[at + 1] ?? ""}`] : []));
  expect(scans.length).toBeGreaterThan(3);
  expect(scans.filter((scan) => !/(Index|TID) Cond/.test(scan))).toEqual([]);
});

test("a page of a long history is read by its index, by one process", async () => {
  await using own = await createTestDatabase();
  const explained = await own.database.transaction(async (query) => {
    const ask = (text: string) => query<{ "QUERY PLAN": string }>({ name: "", text }, []);
    await ask("SET LOCAL debug_parallel_query = on"); // wherever it may, as it does of its own accord in large tables
    await readMessages({ ...own.database, query }, { sessionId: newId(), limit: 100 });
    return ask(`EXPLAIN EXECUTE "messages-newest"('${newId()}', 101)`);
  });
  const plan = explained.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("Index Scan Backward using chat_message_session_sequence_unique");
  expect(plan).not.toMatch(/Gather|Sort/);
});
