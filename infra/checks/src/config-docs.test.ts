import { configField, configFieldNames } from "@chat-relay/core/config";
import { expect, test } from "vitest";
import { configDocs } from "./config-docs.ts";

const rows = configDocs()
  .split("\n")
  .filter((line) => line.startsWith("| `"));

test.each(configFieldNames())("%s has one row of four cells", (name) => {
  const { variable, description } = configField(name);
  const own = rows.filter((row) => row.startsWith(`| \`${variable}\` |`));
  expect(own).toHaveLength(1);
  expect(own[0]).toContain(description);
  expect(own[0]?.split(" | ")).toHaveLength(4);
});

test("a default that is hard to read has its unit beside it", () => {
  expect(configDocs()).toContain("| `CHAT_SESSION_TTL_GUEST_MS` | `86400000` (24 h) |");
  expect(configDocs()).toContain("| `CHAT_BODY_MAX_BYTES` | `65536` (64 KiB) |");
  expect(configDocs()).toContain("| `CHAT_RATE_LIMIT_MESSAGES` | `10/60` |");
});
