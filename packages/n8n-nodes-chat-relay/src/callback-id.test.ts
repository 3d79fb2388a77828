import { expect, test } from "vitest";
import { callbackId, type CallbackIdentity } from "./callback-id.ts";

const IDENTITY: CallbackIdentity = {
  origin: { messageId: "0199c0de-0000-7000-8000-000000000001" },
  workflowId: "workflow",
  nodeId: "node",
  operation: "sendReply",
  runIndex: 0,
  itemIndex: 0,
  sessionId: "session",
  replyTo: "0199c0de-0000-7000-8000-000000000001",
};

test("it is one that the receiver takes", () => {
  expect(callbackId(IDENTITY)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
});

test("the same callback has the same id on every try", () => {
  expect(callbackId({ ...IDENTITY })).toBe(callbackId(IDENTITY));
});

test("two callbacks that differ in anything have two", () => {
  const others: Partial<CallbackIdentity>[] = [
    { origin: { messageId: "0199c0de-0000-7000-8000-000000000002" } },
    { origin: { executionId: "0199c0de-0000-7000-8000-000000000001" } },
    { origin: { key: "0199c0de-0000-7000-8000-000000000001" } },
    { workflowId: "other" },
    { nodeId: "other" },
    { operation: "speak" },
    { runIndex: 1 },
    { itemIndex: 1 },
    { sessionId: "other" },
    { replyTo: "0199c0de-0000-7000-8000-000000000002" },
    { offset: 0 },
    { offset: 1 },
  ];
  const ids = others.map((change) => callbackId({ ...IDENTITY, ...change }));
  expect(new Set([callbackId(IDENTITY), ...ids]).size).toBe(others.length + 1);
});
