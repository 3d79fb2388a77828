import { expect, test } from "vitest";
import { webhookBody, type WebhookMessage } from "./webhook-body.ts";

const MESSAGE: WebhookMessage = {
  messageId: "019a8c7e-0000-7000-8000-000000000002",
  sequence: 7,
  content: 'Grüße "you" \\ 👋\n',
  messageType: "text",
  metadata: { page: "/cart", lang: "de" },
  createdAt: "2026-03-01T12:00:00.000Z",
  callbackUrl: "http://127.0.0.1:3001/api/chat/webhook",
  session: {
    id: "019a8c7e-0000-7000-8000-000000000001",
    userId: "user123",
    authenticated: false,
    metadata: { source: "website", lang: "en" },
    createdAt: "2026-03-01T11:00:00.000Z",
  },
};

// Retries sign and send these bytes again, so another order of keys would be another body.
const EXPECTED =
  '{"type":"chat.message.sent","timestamp":"2026-03-01T12:00:00.000Z",' +
  '"data":{"messageId":"019a8c7e-0000-7000-8000-000000000002","sequence":7,"content":"Grüße \\"you\\" \\\\ 👋\\n",' +
  '"messageType":"text","metadata":{"page":"/cart","lang":"de"},"createdAt":"2026-03-01T12:00:00.000Z",' +
  '"session":{"id":"019a8c7e-0000-7000-8000-000000000001","userId":"user123","authenticated":false,' +
  '"metadata":{"source":"website","lang":"en"},"createdAt":"2026-03-01T11:00:00.000Z"},' +
  '"callbackUrl":"http://127.0.0.1:3001/api/chat/webhook"},' +
  '"action":"sendMessage","sessionId":"019a8c7e-0000-7000-8000-000000000001","chatInput":"Grüße \\"you\\" \\\\ 👋\\n",' +
  '"metadata":{"source":"website","lang":"de","page":"/cart"}}';

test("has exactly these bytes", () => {
  expect(webhookBody(MESSAGE).toString("utf8")).toBe(EXPECTED);
});

test("has the same bytes in whatever order its fields were read", () => {
  const { id, userId, authenticated, metadata, createdAt } = MESSAGE.session;
  const session = { createdAt, metadata, authenticated, userId, id };
  const reversed = Object.fromEntries(
    Object.entries({ ...MESSAGE, session }).toReversed(),
  ) as unknown as WebhookMessage;
  expect(webhookBody(reversed).toString("utf8")).toBe(EXPECTED);
});

test("a key __proto__ in metadata is a key like others", () => {
  const metadata = JSON.parse('{"__proto__":{"x":1}}') as WebhookMessage["metadata"];
  const body = webhookBody({ ...MESSAGE, metadata }).toString("utf8");
  expect(body.endsWith('"metadata":{"source":"website","lang":"en","__proto__":{"x":1}}}')).toBe(true);
});
