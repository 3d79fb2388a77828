import { expect, test } from "vitest";
import { CallMemory, type WebhookCall } from "./call-memory.ts";

const NOW_MS = 1_800_000_000_000;
const MINUTE_MS = 60_000;

function call(changes: Partial<WebhookCall> = {}): WebhookCall {
  return { trigger: "workflow node", id: "message-1", timestamp: String(NOW_MS / 1_000), ...changes };
}

const LATER = call({ timestamp: String(NOW_MS / 1_000 + 5) });

test("a message that was never seen is the first", () => {
  expect(new CallMemory().recall(call(), NOW_MS)).toBe("first");
});

test("the very same call is a replay, as long as its signature is good", () => {
  const memory = new CallMemory();
  memory.begin(call(), NOW_MS);
  memory.end(call(), NOW_MS, true);
  expect(memory.recall(call(), NOW_MS + 5 * MINUTE_MS)).toBe("replayed");
});

test("another attempt is recent while the first is under way and a minute after, and then again", () => {
  const memory = new CallMemory();
  memory.begin(call(), NOW_MS);
  expect(memory.recall(LATER, NOW_MS + 4 * MINUTE_MS)).toBe("recent");
  memory.end(call(), NOW_MS, true);
  expect(memory.recall(LATER, NOW_MS + MINUTE_MS)).toBe("recent");
  expect(memory.recall(LATER, NOW_MS + MINUTE_MS + 1)).toBe("again");
});

test("a call that was not accepted did not count", () => {
  const memory = new CallMemory();
  memory.begin(call(), NOW_MS);
  memory.end(call(), NOW_MS, false);
  expect(memory.recall(call(), NOW_MS)).toBe("first");
});

test("two triggers that get the same message do not know of each other", () => {
  const memory = new CallMemory();
  memory.begin(call(), NOW_MS);
  expect(memory.recall(call({ trigger: "workflow other-node" }), NOW_MS)).toBe("first");
});

test("what is over is forgotten, what is under way is not", () => {
  const memory = new CallMemory();
  const [over, underWay] = [call({ id: "over" }), call({ id: "under-way" })];
  memory.begin(over, NOW_MS);
  memory.begin(underWay, NOW_MS);
  memory.end(over, NOW_MS, true);
  const muchLater = NOW_MS + 10 * MINUTE_MS;
  memory.begin(call({ id: "next", timestamp: String(muchLater / 1_000) }), muchLater);
  expect(memory.recall(over, muchLater)).toBe("first");
  expect(memory.recall(underWay, muchLater)).toBe("replayed");
});

test("at most 10,000 are remembered, the newest", () => {
  const memory = new CallMemory();
  for (let i = 0; i <= 10_000; i += 1) memory.begin(call({ id: `message-${i}` }), NOW_MS);
  expect(memory.recall(call({ id: "message-0" }), NOW_MS)).toBe("first");
  expect(memory.recall(call({ id: "message-1" }), NOW_MS)).toBe("replayed");
  expect(memory.recall(call({ id: "message-10000" }), NOW_MS)).toBe("replayed");
});
