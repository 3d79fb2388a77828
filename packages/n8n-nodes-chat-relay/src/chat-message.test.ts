import { newId } from "@chat-relay/core/ids";
import { webhookBody } from "@chat-relay/core/webhook-body";
import { expect, test } from "vitest";
import { readChatMessage } from "./chat-message.ts";

const CREATED_AT = "2027-01-02T03:04:05.678Z";
const MESSAGE = {
  messageId: newId(),
  sequence: 7,
  content: "Grüße 👋",
  messageType: "text",
  metadata: { page: "/prices" },
  createdAt: CREATED_AT,
  callbackUrl: "http://127.0.0.1:3001/api/chat/webhook",
  session: {
    id: newId(),
    userId: "user123",
    authenticated: true,
    metadata: { source: "website", page: "/" },
    createdAt: CREATED_AT,
  },
} as const;

function changed(change: (event: Record<string, unknown>) => void): Buffer {
  const event = JSON.parse(webhookBody(MESSAGE).toString()) as Record<string, unknown>;
  change(event);
  return Buffer.from(JSON.stringify(event));
}

test("what chat-relay sends is read in full, under the names that n8n's nodes look for", () => {
  expect(readChatMessage(webhookBody(MESSAGE))).toEqual({
    sessionId: MESSAGE.session.id,
    chatInput: "Grüße 👋",
    action: "sendMessage",
    messageId: MESSAGE.messageId,
    sequence: 7,
    messageType: "text",
    metadata: { source: "website", page: "/prices" },
    createdAt: CREATED_AT,
    user: { id: "user123", authenticated: true },
    session: { id: MESSAGE.session.id, metadata: { source: "website", page: "/" }, createdAt: CREATED_AT },
    callbackUrl: MESSAGE.callbackUrl,
  });
});

test("a guest has no id", () => {
  const session = { ...MESSAGE.session, userId: null, authenticated: false };
  expect(readChatMessage(webhookBody({ ...MESSAGE, session }))?.user).toEqual({ id: null, authenticated: false });
});

test("fields that a later chat-relay adds are ignored", () => {
  const body = changed((event) => Object.assign(event, { later: { much: 1 } }));
  expect(readChatMessage(body)).toEqual(readChatMessage(webhookBody(MESSAGE)));
});

test.each([
  ["another event", changed((event) => (event["type"] = "chat.message.failed"))],
  ["no text", changed((event) => delete event["chatInput"])],
  ["no session", changed((event) => delete event["sessionId"])],
  ["no data", changed((event) => delete event["data"])],
  ["a list", Buffer.from("[]")],
  ["nothing", Buffer.alloc(0)],
  ["no JSON", Buffer.from("{")],
  ["no UTF-8", Buffer.from(webhookBody(MESSAGE).toString().replaceAll("ü", "\u00ff"), "latin1")],
])("%s is no chat message", (_name, body) => {
  expect(readChatMessage(body)).toBeUndefined();
});
