import { createHash, randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { hashToken, isId, isRandomUuid, newId, newSessionToken, requestId } from "./ids.ts";

describe("newId", () => {
  test("is a UUIDv7 of now, and those of a later millisecond sort later", () => {
    const before = Date.now();
    const ids = Array.from({ length: 1_000 }, () => newId());
    const madeAtMs = Number.parseInt((ids[0] ?? "").replace("-", "").slice(0, 12), 16);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(madeAtMs).toBeGreaterThanOrEqual(before);
    expect(madeAtMs).toBeLessThanOrEqual(Date.now());
    expect(new Set(ids).size).toBe(1_000);
    const times = ids.map((id) => id.slice(0, 13));
    expect(times.toSorted()).toEqual(times);
  });
});

describe("isId", () => {
  test("knows what can be an id of ours", () => {
    expect(isId(newId())).toBe(true);
    expect(isId("0b6a2b4e-5f0e-4d0a-9d53-6a2c1f9a7f10")).toBe(true); // the widget's are made in the browser
  });

  test.each([
    "",
    "1",
    `${newId()}\n`,
    ` ${newId()}`,
    newId().toUpperCase(),
    newId().replaceAll("-", ""),
    "null",
    "%00",
  ])("%j is none", (text) => {
    expect(isId(text)).toBe(false);
  });
});

describe("isRandomUuid", () => {
  test("knows those that nobody can guess", () => {
    for (const uuid of [randomUUID(), newId(), randomUUID().toUpperCase()]) expect(isRandomUuid(uuid)).toBe(true);
  });

  test.each([
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "c232ab00-9414-11ec-b3c8-9f6bdeced846", // version 1: time and network card
    "5df41881-3aed-3515-88a7-2f4a814cf09e", // version 3: a name's
    "0b6a2b4e-5f0e-4d0a-7d53-6a2c1f9a7f10",
    ` ${newId()}`,
    `${newId()}\n`,
    "customer-7",
  ])("%j is none", (text) => {
    expect(isRandomUuid(text)).toBe(false);
  });
});

describe("requestId", () => {
  test.each(["a", "A-Z_09", "x".repeat(64)])("keeps the caller's %j", (given) => {
    expect(requestId(given)).toBe(given);
  });

  test.each([[undefined], [""], ["x".repeat(65)], ["a b"], ["a\nb"], ["ä"], ["a.b"], [["a", "b"]]])(
    "makes its own instead of %j",
    (given) => {
      expect(isId(requestId(given))).toBe(true);
    },
  );
});

describe("session tokens", () => {
  test("hold 256 random bits that are safe in a header", () => {
    const tokens = Array.from({ length: 100 }, newSessionToken);
    expect(new Set(tokens).size).toBe(100);
    for (const token of tokens) {
      expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(Buffer.from(token, "base64url")).toHaveLength(32);
    }
  });

  test("are stored as their SHA-256", () => {
    expect(hashToken("abc").toString("hex")).toBe(createHash("sha256").update("abc").digest("hex"));
    expect(hashToken("abc").equals(hashToken("abd"))).toBe(false);
  });
});
