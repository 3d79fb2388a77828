import { describe, expect, test } from "vitest";
import { settleNext } from "../testing/conversation.ts";
import { useStores } from "../testing/use-stores.ts";

const shared = useStores();
const PATH = "/api/chat/send";

async function visitor() {
  const { id, auth } = await shared.gateway.session();
  const send = (body: object, headers: Record<string, string> = {}) =>
    shared.gateway.call("POST", PATH, { headers: { ...auth, ...headers }, payload: { sessionId: id, ...body } });
  return { id, auth, send };
}

describe("a message", () => {
  test("is accepted and queued, with the session's next sequence", async () => {
    const { id, send } = await visitor();
    const first = await send({ content: "Hello!", metadata: { page: "/" } });
    expect(first.statusCode).toBe(202);
    const { id: messageId, createdAt, ...rest } = first.data;
    expect(rest).toEqual({
      sessionId: id,
      sequence: 1,
      role: "user",
      content: "Hello!",
      messageType: "text",
      metadata: { page: "/" },
      status: "queued",
      replyTo: null,
    });
    expect([messageId, createdAt]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), expect.stringMatching(/Z$/)]);
    expect((await send({ content: "again", messageType: "text" })).data).toMatchObject({ sequence: 2, metadata: {} });
  });

  test("is one line of the log, with the ids by which it is found again", async () => {
    const gateway = await shared.stores.gateway();
    const { id, auth } = await gateway.session();
    const sent = await gateway.call("POST", PATH, { headers: auth, payload: { sessionId: id, content: "Hello!" } });
    const about = gateway.log.filter((line) => JSON.stringify(line).includes(sent.data.id));
    expect(about).toEqual([
      expect.objectContaining({
        msg: "request.completed",
        route: PATH,
        status: 202,
        messageId: sent.data.id,
        sessionId: id,
        sequence: 1,
        requestId: sent.headers["x-request-id"],
      }),
    ]);
  });

  test("renews the session's time", async () => {
    const { id, auth, send } = await visitor();
    await shared.stores.database.query(
      { name: "", text: "UPDATE chat_session SET expires_at = now() + interval '1 minute' WHERE id = $1" },
      [id],
    );
    await send({ content: "hi" });
    const { data } = await shared.gateway.call("GET", "/api/chat/session", { headers: auth });
    expect(Date.parse(data.session.expiresAt) - Date.now()).toBeGreaterThan(23 * 3_600_000);
  });

  test("is refused once the session is over, which the gateway may have known as open; so is a repeat", async () => {
    const over = ["ended_at = now()", "expires_at = now()", "ended_at = now(), token_hash = sha256('another')"];
    for (const change of over) {
      const { send, id } = await visitor();
      expect((await send({ content: "hi", clientMessageId: "k" })).statusCode).toBe(202);
      await shared.stores.database.query({ name: "", text: `UPDATE chat_session SET ${change} WHERE id = $1` }, [id]);
      const answers = [await send({ content: "more" }), await send({ content: "hi", clientMessageId: "k" })];
      expect(answers.map(({ statusCode }) => [change, statusCode])).toEqual([
        [change, 410],
        [change, 410],
      ]);
    }
  });

  test.each(["\u00a0 x\n", "😀".repeat(4_000), "<b>&amp;</b> \u200d \ufeff", "\ud83d\ude00"])(
    "text is stored as sent, case %#",
    async (content) => {
      const { send, id, auth } = await visitor();
      expect((await send({ content })).statusCode).toBe(202);
      const { data } = await shared.gateway.call("GET", `/api/chat/messages/${id}`, { headers: auth });
      expect(data.messages[0].content).toBe(content);
    },
  );

  test("its work token is on the bus at once, with the caller's trace", async () => {
    const { send } = await visitor();
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const { jsm } = shared.stores.bus.client();
    const { data } = await send({ content: "hi" }, { traceparent: `00-${trace}-b7ad6b7169203331-01` });
    await expect
      .poll(() =>
        jsm.streams
          .info("CHAT", { subjects_filter: `chat.message.sent.${data.sessionId}` })
          .then((info) => info.state.subjects),
      )
      .toEqual({ [`chat.message.sent.${data.sessionId}`]: 1 });
    const stored = await jsm.streams.getMessage("CHAT", { last_by_subj: `chat.message.sent.${data.sessionId}` });
    expect(stored?.header.get("traceparent")).toMatch(new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
    expect(stored?.header.get("ce-id")).toBe(`${data.id}.1`);
  });
});

test("a message behind another one of its session has no work token yet", async () => {
  const { id, send } = await visitor();
  await send({ content: "first" });
  await send({ content: "second" });
  await shared.gateway.publisher.flush();
  const { jsm } = shared.stores.bus.client();
  const { state } = await jsm.streams.info("CHAT", { subjects_filter: `chat.message.sent.${id}` });
  expect(state.subjects).toEqual({ [`chat.message.sent.${id}`]: 1 });
});

describe("what is not valid", () => {
  test.each([
    [{}, ["#/content"]],
    [{ content: "" }, ["#/content"]],
    [{ content: " \n\t\u00a0\u2003" }, ["#/content"]],
    [{ content: "x".repeat(4_001) }, ["#/content"]],
    [{ content: "😀".repeat(4_001) }, ["#/content"]],
    [{ content: "a\u0000b" }, ["#/content"]],
    [{ content: "a\ud800" }, ["#/content"]],
    [{ content: "\udc00\ud800" }, ["#/content"]],
    [{ content: 7 }, ["#/content"]],
    [{ content: "x", messageType: "video" }, ["#/messageType"]],
    [{ content: "x", metadata: [] }, ["#/metadata"]],
    [{ content: "x", metadata: { a: "\udfff" } }, ["#/metadata"]],
    [{ content: "x", clientMessageId: "" }, ["#/clientMessageId"]],
    [{ content: "x", clientMessageId: "x".repeat(65) }, ["#/clientMessageId"]],
    [{ content: "x", clientMessageId: "é" }, ["#/clientMessageId"]],
    [
      { content: "", messageType: "video", role: "assistant", status: "failed" },
      ["#/content", "#/messageType", "#/role", "#/status"],
    ],
  ])("%j is 400 with every fault listed", async (body, pointers) => {
    const { send } = await visitor();
    const { statusCode, data } = await send(body);
    expect([statusCode, data.code]).toEqual([400, "validation_failed"]);
    expect(data.errors.map((error: { pointer: string }) => error.pointer)).toEqual(pointers);
  });

  test("what is missing is said to be required", async () => {
    const { auth } = await visitor();
    const { data } = await shared.gateway.call("POST", PATH, { headers: auth });
    expect(data.errors).toEqual([
      { pointer: "#/sessionId", detail: "is required" },
      { pointer: "#/content", detail: "is required" },
    ]);
  });

  test.each(["x".repeat(65), '""', '"open', "tab\u0001"])("the Idempotency-Key %j is 400", async (key) => {
    const { send } = await visitor();
    expect((await send({ content: "x" }, { "idempotency-key": key })).data).toMatchObject({
      code: "validation_failed",
      errors: [{ pointer: "#/Idempotency-Key" }],
    });
  });

  test("the answer does not repeat the text", async () => {
    const { send } = await visitor();
    expect((await send({ content: "my secret\u0000" })).body).not.toContain("secret");
  });
});

describe("the same key again", () => {
  test.each([
    ["header, then header quoted", { "idempotency-key": "k" }, {}, { "idempotency-key": '"k"' }, {}],
    ["header, then body", { "idempotency-key": '"k"' }, {}, {}, { clientMessageId: "k" }],
    ["both at once, then body", { "idempotency-key": "k" }, { clientMessageId: "k" }, {}, { clientMessageId: "k" }],
  ])("%s: 200 with the first message", async (_what, headers, body, headersAgain, bodyAgain) => {
    const { send } = await visitor();
    const first = await send({ content: "x", metadata: { a: 1, b: 2 }, ...body }, headers);
    const again = await send({ content: "x", metadata: { b: 2, a: 1 }, ...bodyAgain }, headersAgain);
    expect([first.statusCode, again.statusCode]).toEqual([202, 200]);
    expect(again.data).toEqual({ ...first.data, duplicate: true });
  });

  test("shows the message as it is now", async () => {
    const { id, send } = await visitor();
    const { data } = await send({ content: "x", clientMessageId: "k" });
    await settleNext(shared.stores.database, { sessionId: id, messageId: data.id }, "delivered", ["the reply"]);
    expect((await send({ content: "x", clientMessageId: "k" })).data).toMatchObject({
      id: data.id,
      status: "answered",
      duplicate: true,
    });
  });

  test.each([{ content: "y" }, { content: "x", metadata: { a: 1 } }])(
    "with another message is 422: %j",
    async (body) => {
      const { send } = await visitor();
      await send({ content: "x", clientMessageId: "k" });
      const { statusCode, data } = await send({ ...body, clientMessageId: "k" });
      expect([statusCode, data.code]).toEqual([422, "idempotency_mismatch"]);
    },
  );

  test("two keys in one send are 400", async () => {
    const { send } = await visitor();
    expect((await send({ content: "x", clientMessageId: "k" }, { "idempotency-key": "l" })).data).toMatchObject({
      code: "validation_failed",
      errors: [{ pointer: "#/clientMessageId" }],
    });
  });

  test("in another session is another message", async () => {
    const [a, b] = [await visitor(), await visitor()];
    expect([
      (await a.send({ content: "x", clientMessageId: "k" })).statusCode,
      (await b.send({ content: "y", clientMessageId: "k" })).statusCode,
    ]).toEqual([202, 202]);
  });

  test("in parallel, on two gateways, makes one message", async () => {
    const other = await shared.stores.gateway();
    const { id, auth } = await shared.gateway.session();
    const send = (gateway: typeof other) =>
      gateway.call("POST", PATH, { headers: auth, payload: { sessionId: id, content: "x", clientMessageId: "k" } });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => send(index % 2 === 0 ? shared.gateway : other)),
    );
    expect(answers.map((answer) => answer.statusCode).toSorted((a, b) => a - b)).toEqual([...Array(19).fill(200), 202]);
    expect(new Set(answers.map((answer) => answer.data.id)).size).toBe(1);
  });
});
