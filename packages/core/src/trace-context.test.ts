import { describe, expect, test } from "vitest";
import { childTraceparent, newTraceparent } from "./trace-context.ts";

const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const VALID = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;

test("a new trace is valid and its own", () => {
  expect(newTraceparent()).toMatch(VALID);
  expect(newTraceparent()).not.toBe(newTraceparent());
});

describe("childTraceparent", () => {
  test("stays in the trace, with a span of its own", () => {
    const child = childTraceparent(PARENT);
    expect(child).toMatch(VALID);
    expect(child.slice(0, 36)).toBe(PARENT.slice(0, 36));
    expect(child.slice(36, 52)).not.toBe(PARENT.slice(36, 52));
  });

  test("keeps the flags", () => {
    expect(childTraceparent(PARENT.replace(/01$/, "00"))).toMatch(/-00$/);
  });

  test.each([
    [undefined],
    [null],
    [""],
    ["junk"],
    [PARENT.toUpperCase()],
    [`${PARENT}-extra`],
    [PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0".repeat(32))],
    [PARENT.replace("00f067aa0ba902b7", "0".repeat(16))],
    [PARENT.replace(/^00/, "ff")],
    [`${PARENT}\r\nx-injected: 1`],
  ])("begins a new trace for %j", (parent) => {
    const child = childTraceparent(parent);
    expect(child).toMatch(VALID);
    expect(child.slice(3, 35)).not.toBe((parent ?? "").slice(3, 35).toLowerCase());
  });
});
