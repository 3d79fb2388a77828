import type { PageInfo } from "@chat-relay/core/api-schemas";
import { chatMessage, type ChatMessage as CoreMessage } from "@chat-relay/core/message";
import { replyDelta, type ReplyDelta as CoreDelta } from "@chat-relay/core/reply-pieces";
import { statusChange, type StatusChange as CoreStatusChange } from "@chat-relay/core/session-events";
import { expect, expectTypeOf, test } from "vitest";
import {
  isMessage,
  isPage,
  isReplyDelta,
  isSessionPage,
  isStartedSession,
  isStatusChange,
  type ChatMessage,
  type HistoryPage,
  type ReplyDelta,
  type StatusChange,
} from "./wire.ts";

const [ID, OTHER_ID, NOW] = [
  "0198c0de-0000-7000-8000-000000000001",
  "0198c0de-0000-7000-8000-000000000002",
  "2026-01-01T00:00:00.000Z",
];

const MESSAGE: ChatMessage = {
  id: ID,
  sessionId: OTHER_ID,
  sequence: 7,
  role: "assistant",
  content: "Hello 😀",
  messageType: "text",
  metadata: { nested: [1, null, { deep: true }] },
  status: "received",
  replyTo: OTHER_ID,
  createdAt: NOW,
};
const STATUS: StatusChange = { messageId: ID, status: "unanswered", attempts: 3 };
const DELTA: ReplyDelta = { replyTo: ID, block: 0, offset: 12, content: "…" };
const PAGE = { messages: [MESSAGE], pageInfo: { hasMore: true, before: "a", after: "b" } };

test("what the client knows of the wire is what the gateway's schemas say", () => {
  expectTypeOf<ChatMessage>().toEqualTypeOf<CoreMessage>();
  expectTypeOf<StatusChange>().toEqualTypeOf<CoreStatusChange>();
  expectTypeOf<ReplyDelta>().toEqualTypeOf<CoreDelta>();
  expectTypeOf<HistoryPage["pageInfo"]>().toEqualTypeOf<PageInfo>();
});

test.each([
  ["a message", chatMessage, isMessage, MESSAGE],
  ["a status", statusChange, isStatusChange, STATUS],
  ["a delta", replyDelta, isReplyDelta, DELTA],
])("the gateway's schema and the client take the same sample: %s", (_what, schema, isExpected, sample) => {
  expect(schema.parse(sample)).toEqual(sample);
  expect(isExpected(sample)).toBe(true);
});

test.each([null, undefined, 7, "text", [], {}, { error: "captive portal" }])(
  "what is not the gateway's is told apart: %j",
  (other) => {
    const guards = [isMessage, isPage, isSessionPage, isStartedSession, isStatusChange, isReplyDelta];
    expect(guards.filter((isExpected) => isExpected(other))).toEqual([]);
  },
);

test("a page is one with messages in it, and a session's with the session", () => {
  expect(isPage(PAGE)).toBe(true);
  expect(isPage({ ...PAGE, messages: [MESSAGE, {}] })).toBe(false);
  expect(isPage({ messages: [] })).toBe(false);
  expect([isSessionPage(PAGE), isSessionPage({ ...PAGE, session: {} })]).toEqual([false, true]);
});
