import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startStack, type Stack } from "@chat-relay/testkit/stack";

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack[Symbol.asyncDispose]());
beforeEach(() => {
  stack.n8n.calls.length = 0;
});

const callsFor = (messageId: string) => stack.n8n.calls.filter((call) => call.headers["webhook-id"] === messageId);

test("the dispatcher killed in mid-call loses nothing: the message is sent again and answered once", async () => {
  stack.n8n.answerWith((call) =>
    call.headers["chat-attempt"] === "1" ? undefined : { body: { output: "second try" } },
  );
  const visitor = await stack.visitor();
  const message = await visitor.send("hello");
  const next = await visitor.send("and then");
  await waitFor("the call", () => callsFor(message.id).length === 1);
  await stack.dispatcher.end("SIGKILL");
  stack.n8n.answerWith(() => ({ body: { output: "second try" } }));
  await stack.dispatcher.start();
  await visitor.until(message.id, "answered");
  const history = await visitor.until(next.id, "answered");
  expect(history.map(({ content }) => content)).toEqual(["hello", "and then", "second try", "second try"]);
  expect(callsFor(message.id).map((call) => call.headers["chat-attempt"])).toEqual(["1", "2"]);
  expect(callsFor(message.id)[0]?.rawBody.equals(callsFor(message.id)[1]?.rawBody ?? Buffer.alloc(0))).toBe(true);
  expect(callsFor(next.id)).toHaveLength(1);
});

test("the gateway killed right after it accepted loses nothing", async () => {
  stack.n8n.answerWith(() => ({ body: { output: "ok" } }));
  const visitor = await stack.visitor();
  const messages = await Promise.all(["1", "2", "3", "4", "5"].map((content) => visitor.send(content)));
  await stack.gateway.end("SIGKILL");
  await stack.gateway.start();
  for (const message of messages) await visitor.until(message.id, "answered");
  const history = await visitor.messages();
  expect(history.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const replies = history.filter(({ role }) => role === "assistant");
  expect(new Set(replies.map(({ replyTo }) => replyTo)).size).toBe(5);
  const inOrder = history.filter(({ role }) => role === "user").map(({ id }) => id);
  expect(stack.n8n.calls.map((call) => call.headers["webhook-id"])).toEqual(inOrder);
});

test("the receiver killed while a callback is under way loses nothing and doubles nothing", async () => {
  const visitor = await stack.visitor();
  stack.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
  const message = await visitor.send("later");
  await visitor.until(message.id, "delivered");
  const body = { sessionId: visitor.sessionId, replyTo: message.id, content: "Here it is" };
  const interrupted = stack.callback("killed-1", body).then(
    (response) => response.status,
    () => "broken",
  );
  await stack.receiver.end("SIGKILL");
  const seen = await interrupted;
  await stack.receiver.start();
  const again = await stack.callback("killed-1", body); // as n8n's own retry does
  expect(again.status).toBe(200);
  const { duplicate } = (await again.json()) as { duplicate: boolean };
  expect([seen, duplicate]).not.toEqual([200, false]); // what was answered with 200 is known
  const history = await visitor.until(message.id, "answered");
  expect(history.map(({ content }) => content)).toEqual(["later", "Here it is"]);
});
