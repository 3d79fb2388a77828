import { expect, test } from "vitest";
import { settleNext } from "../testing/conversation.ts";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();

async function conversation(count: number) {
  const { id, auth } = await shared.gateway.session();
  const ids: string[] = [];
  for (let index = 1; index <= count; index += 1) {
    const { data } = await shared.gateway.call("POST", "/api/chat/send", {
      headers: auth,
      payload: { sessionId: id, content: `m${index}` },
    });
    ids.push(data.id);
  }
  const read = (query: string) => shared.gateway.call("GET", `/api/chat/messages/${id}${query}`, { headers: auth });
  return { id, ids, read };
}

const contents = (answer: { data: { messages: { content: string }[] } }) =>
  answer.data.messages.map((message) => message.content);

test("pages lead through the whole history, both ways", async () => {
  const { ids, read } = await conversation(5);
  const newest = await read("?limit=2");
  expect(contents(newest)).toEqual(["m4", "m5"]);
  expect(newest.data.pageInfo).toEqual({ hasMore: true, before: ids[3], after: ids[4] });
  const older = await read(`?limit=2&before=${newest.data.pageInfo.before}`);
  expect(contents(older)).toEqual(["m2", "m3"]);
  const oldest = await read(`?limit=2&before=${older.data.pageInfo.before}`);
  expect(contents(oldest)).toEqual(["m1"]);
  expect(oldest.data.pageInfo).toEqual({ hasMore: false, before: null, after: ids[0] });
  const forward = await read(`?limit=3&after=${oldest.data.pageInfo.after}`);
  expect(contents(forward)).toEqual(["m2", "m3", "m4"]);
  expect(forward.data.pageInfo.hasMore).toBe(true);
});

test("the cursor to newer ones stays when nothing is newer, and then finds the reply", async () => {
  const { id, ids, read } = await conversation(1);
  const cursor = (await read("")).data.pageInfo.after;
  const polled = await read(`?after=${cursor}`);
  expect(polled.data).toEqual({ messages: [], pageInfo: { hasMore: false, before: null, after: cursor } });
  await settleNext(shared.stores.database, { sessionId: id, messageId: String(ids[0]) }, "delivered", ["the reply"]);
  const { data } = await read(`?after=${cursor}`);
  expect(data.messages).toMatchObject([
    { role: "assistant", content: "the reply", status: "received", replyTo: ids[0], sequence: 2 },
  ]);
});

test("a session without messages has an empty page", async () => {
  const { read } = await conversation(0);
  expect((await read("")).data).toEqual({ messages: [], pageInfo: { hasMore: false, before: null, after: null } });
});

test.each([
  ["?limit=0", "#/limit"],
  ["?limit=101", "#/limit"],
  ["?limit=-1", "#/limit"],
  ["?limit=1.5", "#/limit"],
  ["?limit=ten", "#/limit"],
  ["?limit=", "#/limit"],
  ["?limit=1&limit=2", "#/limit"],
  ["?before=nothing", "#/before"],
  ["?after=01a204da-05d2-7348-8179-58e517fc07b1", "#/after"],
  ["?before=", "#/before"],
  ["?sessionToken=x", "#/sessionToken"],
])("%s is 400 at %s", async (query, pointer) => {
  const { read } = await conversation(1);
  expect((await read(query)).data).toMatchObject({ status: 400, code: "validation_failed", errors: [{ pointer }] });
});

test("both cursors, and another session's, are 400", async () => {
  const [mine, other] = [await conversation(2), await conversation(1)];
  expect((await mine.read(`?before=${mine.ids[1]}&after=${mine.ids[0]}`)).data.code).toBe("validation_failed");
  expect((await mine.read(`?before=${other.ids[0]}`)).data.errors).toEqual([
    { pointer: "#/before", detail: "is not a cursor of this session" },
  ]);
});
