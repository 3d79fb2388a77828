import { expect, test } from "vitest";
import type { Metadata } from "@chat-relay/core/metadata";
import { isSameMessage } from "./same-message.ts";

const stored = { content: "hi", messageType: "text", metadata: { a: [1, { b: null }], c: 0 } } as const;
const given = (metadata: unknown, content = "hi") => ({
  content,
  messageType: "text" as const,
  metadata: metadata as Metadata,
});

test("the order of fields does not matter, their values and the text do", () => {
  const kept = { ...stored, metadata: structuredClone(stored.metadata) as unknown as Metadata };
  expect(isSameMessage(given({ c: 0, a: [1, { b: null }] }), kept)).toBe(true);
  expect(isSameMessage(given({ c: "0", a: [1, { b: null }] }), kept)).toBe(false);
  expect(isSameMessage(given({ c: 0, a: [{ b: null }, 1] }), kept)).toBe(false);
  expect(isSameMessage(given({ c: 0, a: [1, { b: null }] }, "hi "), kept)).toBe(false);
});

test("numbers that JSON changes are compared as they were stored", () => {
  const kept = { ...stored, metadata: { a: 0, b: null } };
  expect(isSameMessage(given({ a: -0, b: Number.POSITIVE_INFINITY }), kept)).toBe(true);
});
