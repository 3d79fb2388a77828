import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SECRET, startStack, type Stack } from "@chat-relay/testkit/stack";

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack[Symbol.asyncDispose]());

const CANARY = "canary-9f3a1c";

describe("a visitor's message", () => {
  test("is answered in the response", async () => {
    stack.n8n.answerWith((call) => ({ body: { output: `You said: ${call.body.chatInput}` } }));
    const visitor = await stack.visitor();
    const message = await visitor.send(`Hello ${CANARY}`);
    expect(message).toMatchObject({ sequence: 1, role: "user", status: "queued", replyTo: null });
    const history = await visitor.until(message.id, "answered");
    expect(history.map(({ sequence, role, content, replyTo }) => ({ sequence, role, content, replyTo }))).toEqual([
      { sequence: 1, role: "user", content: `Hello ${CANARY}`, replyTo: null },
      { sequence: 2, role: "assistant", content: `You said: Hello ${CANARY}`, replyTo: message.id },
    ]);
  });

  test("is answered by a signed callback to the address that the webhook names", async () => {
    stack.n8n.answerWith(() => ({ body: { message: "Workflow was started" } }));
    const visitor = await stack.visitor();
    const message = await visitor.send("later");
    await visitor.until(message.id, "delivered");
    const call = stack.n8n.calls.find((item) => item.headers["webhook-id"] === message.id);
    expect(call?.body.data.callbackUrl).toBe(`${stack.receiver.url}/api/chat/webhook`);
    const body = { sessionId: visitor.sessionId, replyTo: message.id, content: `Here it is ${CANARY}` };
    const first = await stack.callback("reply-1", body);
    expect(first.status).toBe(200);
    const recorded = await first.json();
    expect(recorded).toMatchObject({ sessionId: visitor.sessionId, sequence: 2, duplicate: false });
    const second = await stack.callback("reply-1", body);
    expect(await second.json()).toEqual({ ...(recorded as object), duplicate: true });
    const history = await visitor.until(message.id, "answered");
    expect(history.map(({ content }) => content)).toEqual(["later", `Here it is ${CANARY}`]);
  });
});

test("a stopped service ends within its grace time, with exit code 0, and the rest goes on without it", async () => {
  const visitor = await stack.visitor();
  stack.n8n.answerWith(() => ({ body: { output: "ok" } }));
  expect(await stack.dispatcher.end("SIGTERM")).toBe(0);
  const message = await visitor.send("while it is away");
  await stack.dispatcher.start();
  await visitor.until(message.id, "answered");
  expect(await stack.receiver.end("SIGTERM")).toBe(0);
  expect(await stack.gateway.end("SIGINT")).toBe(0);
  await Promise.all([stack.receiver.start(), stack.gateway.start()]);
});

test("no log holds a message's text, a token or a secret", async () => {
  const services = [stack.gateway, stack.receiver, stack.dispatcher];
  const logs = () => services.map((service) => service.output()).join("");
  await waitFor("the log of a delivery", () => logs().includes("delivery.attempted"));
  const key = Buffer.from(SECRET.slice("whsec_".length), "base64").toString();
  for (const planted of [CANARY, SECRET, key, "Bearer "]) expect(logs()).not.toContain(planted);
});
