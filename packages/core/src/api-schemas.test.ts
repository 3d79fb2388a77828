import { describe, expect, test } from "vitest";
import { callbackSchema, idempotencyKey, pageLimit, requestSchemas } from "./api-schemas.ts";

const LIMITS = { messageMaxChars: 4_000, metadataMaxBytes: 8_192, metadataMaxDepth: 5, pageSize: 50, pageSizeMax: 100 };
const { createSession, sendMessage } = requestSchemas(LIMITS);
const SESSION = "019a8c7e-0000-7000-8000-000000000001";

const sends = (change: object) => sendMessage.safeParse({ sessionId: SESSION, content: "Hello!", ...change }).success;

describe("a message", () => {
  test("needs no more than session and content", () => {
    const input = { sessionId: SESSION, content: " Hello!\n" };
    expect(sendMessage.parse(input)).toEqual({ ...input, messageType: "text" });
  });

  test("has 1 to 4,000 code points, however many UTF-16 units that is", () => {
    expect(sends({ content: "x" })).toBe(true);
    expect(sends({ content: "👋".repeat(4_000) })).toBe(true);
    expect(sends({ content: "x".repeat(4_001) })).toBe(false);
    expect(sends({ content: `${"👋".repeat(4_000)}x` })).toBe(false);
  });

  test.each(["", " ", "\n\t\r ", "\u00a0\u2003\u3000", "a\u0000", "\u0000", "a\ud800"])(
    "content %j is refused",
    (content) => {
      expect(sends({ content })).toBe(false);
    },
  );

  test.each([{ content: 1 }, { content: null }, { messageType: "image" }, { metadata: [] }, { role: "assistant" }])(
    "%j is refused",
    (change) => {
      expect(sends(change)).toBe(false);
    },
  );
});

describe("a session", () => {
  test("may be asked for with nothing", () => {
    expect(createSession.parse({})).toEqual({});
  });

  test("takes a user id of 1 to 128 characters", () => {
    const takes = (userId: unknown) => createSession.safeParse({ userId }).success;
    expect([takes("u"), takes("👤".repeat(128))]).toEqual([true, true]);
    expect([takes(""), takes("u".repeat(129)), takes("a\u0000"), takes(7), takes(null)]).toEqual(Array(5).fill(false));
  });
});

describe("an idempotency key", () => {
  test.each(["a", " ", "~!{}", "x".repeat(64)])("%j is one", (key) => {
    expect(idempotencyKey.safeParse(key).success).toBe(true);
  });

  test.each(["", "x".repeat(65), "ä", "a\n", "a\u007f", "a\tb"])("%j is none", (key) => {
    expect(idempotencyKey.safeParse(key).success).toBe(false);
  });
});

describe("the limit of a page", () => {
  const limit = pageLimit(LIMITS);

  test("is 50 when none is asked for, and 1 to 100 else", () => {
    expect([limit.parse(undefined), limit.parse("1"), limit.parse("100")]).toEqual([50, 1, 100]);
  });

  test.each(["0", "101", "-1", "1.5", "", "ten", "1e1", " 5", "1000000000"])("%j is refused", (value) => {
    expect(limit.safeParse(value).success).toBe(false);
  });
});

describe("a callback", () => {
  const schema = callbackSchema(LIMITS);

  test("may say more than we know, and is mended rather than refused", () => {
    const input = {
      sessionId: SESSION,
      replyTo: null,
      content: "a\u0000\ud800",
      metadata: { a: "\u0000" },
      executionId: 7,
    };
    expect(schema.parse(input)).toEqual({
      sessionId: SESSION,
      replyTo: null,
      content: "a\ufffd\ufffd",
      messageType: "text",
      metadata: { a: "\ufffd" },
    });
  });

  test.each([
    { content: "" },
    { content: 1 },
    { content: undefined },
    { sessionId: 1 },
    { replyTo: 1 },
    { metadata: "x" },
  ])("%j is refused", (change) => {
    expect(schema.safeParse({ sessionId: SESSION, content: "x", ...change }).success).toBe(false);
  });
});
