import { DatabaseUnavailableError } from "@chat-relay/database/database";
import { expect, test } from "vitest";
import { ClaimGate } from "./claim-gate.ts";

const away = async () => {
  throw new DatabaseUnavailableError("away");
};

test("while PostgreSQL does not answer, one token at a time is taken", async () => {
  const gate = new ClaimGate();
  expect(gate.limit(32, 0)).toBe(32);
  await expect(gate.through(away)).rejects.toThrow("away");
  expect(gate.limit(32, 0)).toBe(1);
  expect(gate.limit(32, 1)).toBe(0);
  expect(gate.limit(0, 0)).toBe(0);
  await gate.through(async () => "claimed");
  expect(gate.limit(32, 5)).toBe(32);
});

test("another error is no sign that PostgreSQL is away", async () => {
  const gate = new ClaimGate();
  const broken = async () => {
    throw new Error("broken");
  };
  await expect(gate.through(broken)).rejects.toThrow("broken");
  expect(gate.limit(32, 0)).toBe(32);
});
