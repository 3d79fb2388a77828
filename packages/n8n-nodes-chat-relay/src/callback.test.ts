import { describe, expect, test } from "vitest";
import { callbackOf, type CallbackSource } from "./callback.ts";
import type { NodeSettings } from "./node-settings.ts";

const STARTED = { sessionId: "session-1", messageId: "message-1", callbackUrl: "http://receiver/of-the-message" };
const SOURCE: CallbackSource = {
  executionId: "7",
  isManual: false,
  started: STARTED,
  callbackUrl: "http://receiver/of-the-credential",
  workflowId: "workflow",
  nodeId: "node",
  runIndex: 0,
  itemIndex: 0,
};
const REPLY: NodeSettings = {
  operation: "sendReply",
  answerTo: "startingMessage",
  sessionId: "",
  messageId: "",
  text: "Here it is",
  offset: 0,
  limit: 50,
  before: "",
  metadata: {},
  idempotencyKey: "",
};

function callback(settings: Partial<NodeSettings> = {}, source: Partial<CallbackSource> = {}) {
  const result = callbackOf({ ...REPLY, ...settings }, { ...SOURCE, ...source });
  if (!result.ok) throw new Error(result.problem);
  return result;
}

describe("what is sent", () => {
  test("a reply to the message that started the execution", () => {
    const { body } = callback({ metadata: { a: 1 } });
    expect(body).toEqual({
      sessionId: "session-1",
      replyTo: "message-1",
      content: "Here it is",
      metadata: { a: 1 },
    });
  });

  test("a reply to a message that was given", () => {
    const { body } = callback({ answerTo: "given", sessionId: "session-2", messageId: "message-2" });
    expect(body).toMatchObject({ sessionId: "session-2", replyTo: "message-2" });
  });

  test("a piece, an empty one too: it withdraws the text", () => {
    const { body } = callback({ operation: "sendPiece", offset: 12, text: "" });
    expect(body).toEqual({
      type: "chat.reply.delta",
      sessionId: "session-1",
      replyTo: "message-1",
      offset: 12,
      content: "",
    });
  });

  test("something said unasked, which answers nothing", () => {
    const { body } = callback({ operation: "speak", sessionId: "session-3" });
    expect(body).toEqual({ sessionId: "session-3", content: "Here it is", metadata: {} });
  });
});

test("the credential's callback URL goes before the message's", () => {
  expect(callback().url).toBe("http://receiver/of-the-credential");
  expect(callback({}, { callbackUrl: "" }).url).toBe("http://receiver/of-the-message");
});

test.each<[string, Partial<NodeSettings>, Partial<CallbackSource>, RegExp]>([
  ["no message started the execution", {}, { started: undefined }, /No Chat Relay Trigger/],
  ["the given message has no id", { answerTo: "given", sessionId: "session-2" }, {}, /no message ID/],
  ["nobody is spoken to", { operation: "speak" }, {}, /no session ID/],
  ["there is no text", { text: " \n" }, {}, /no text/],
  ["metadata is something else", { metadata: undefined }, {}, /Metadata is not a JSON object/],
  [
    "nobody says where chat-relay is",
    { operation: "speak", sessionId: "session-3" },
    { started: undefined, callbackUrl: "" },
    /no callback URL/,
  ],
])("%s: nothing is sent, and it is said why", (_name, settings, source, problem) => {
  expect(() => callback(settings, source)).toThrow(problem);
});

describe("the id", () => {
  test("is the same in another execution of the same message", () => {
    expect(callback({}, { executionId: "8" }).id).toBe(callback().id);
    const speak = { operation: "speak", sessionId: "session-3" } as const;
    expect(callback(speak, { executionId: "8" }).id).toBe(callback(speak).id);
  });

  test("is the execution's own where no message started it", () => {
    const given = { answerTo: "given", sessionId: "session-2", messageId: "message-2" } as const;
    const [first, retried, next] = ["7", "7", "8"].map(
      (executionId) => callback(given, { started: undefined, executionId }).id,
    );
    expect(retried).toBe(first);
    expect(next).not.toBe(first);
  });

  test("is the execution's own where somebody tries the workflow out", () => {
    const [first, next] = ["7", "8"].map((executionId) => callback({}, { isManual: true, executionId }).id);
    expect(next).not.toBe(first);
  });

  test("is new on each try where n8n does not know its execution", () => {
    const unknown = { isManual: true, executionId: undefined };
    expect(callback({}, unknown).id).not.toBe(callback({}, unknown).id);
  });

  test("is made of the workflow's own key where it gives one, whatever started the execution", () => {
    const key = { idempotencyKey: "message-1" };
    const id = callback(key).id;
    const others = [{ executionId: "8" }, { started: undefined }, { isManual: true }];
    const given = { ...key, answerTo: "given", sessionId: "session-1", messageId: "message-1" } as const;
    expect(others.map((source) => callback(given, source).id)).toEqual([id, id, id]);
    expect(callback({ idempotencyKey: "message-2" }).id).not.toBe(id);
    expect(callback().id).not.toBe(id);
  });

  test("is another one for another session, and for another message", () => {
    const given = (sessionId: string, messageId: string) => callback({ answerTo: "given", sessionId, messageId }).id;
    const ids = [given("session-1", "message-1"), given("session-2", "message-1"), given("session-1", "message-2")];
    expect(new Set(ids).size).toBe(3);
  });

  test("tells pieces apart by their offsets, and nothing else by one", () => {
    const at = (operation: NodeSettings["operation"], offset: number) => callback({ operation, offset }).id;
    expect(at("sendPiece", 0)).not.toBe(at("sendPiece", 5));
    expect(at("sendReply", 0)).toBe(at("sendReply", 5));
  });
});
