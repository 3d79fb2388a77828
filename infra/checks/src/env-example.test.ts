import { parseConfig } from "@chat-relay/core/config";
import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { envExample } from "./env-example.ts";

const REQUIRED = {
  CHAT_WEBHOOK_SECRET: "a-secret-of-the-webhooks",
  CHAT_N8N_WEBHOOK_URL: "http://127.0.0.1:5678/webhook/chat",
  DATABASE_URL: "postgres://127.0.0.1/chat",
  NATS_URL: "nats://127.0.0.1",
};

test("as it is, it sets nothing", () => {
  expect(parseEnv(envExample())).toEqual({});
});

test("uncommented, it is the defaults", () => {
  const variables = parseEnv(envExample().replaceAll(/^#(?=[A-Z_]+=)/gm, ""));
  expect(Object.keys(variables).length).toBeGreaterThan(50);
  expect(parseConfig({ ...variables, ...REQUIRED })).toEqual(parseConfig(REQUIRED));
});
