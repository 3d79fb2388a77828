import { expect, test } from "vitest";
import { isSendable, MESSAGE_MAX, messageLength } from "./message-length.ts";

test("counts code points, as the gateway does", () => {
  expect(messageLength("héllo")).toBe(5);
  expect(messageLength("😀😀")).toBe(2);
});

test("takes what the gateway takes", () => {
  expect(isSendable("😀".repeat(MESSAGE_MAX))).toBe(true);
  expect(isSendable("x".repeat(MESSAGE_MAX + 1))).toBe(false);
  expect(isSendable("")).toBe(false);
  expect(isSendable(" \n\t\u00A0")).toBe(false);
});
