import { expect, test } from "vitest";
import { runApp } from "@chat-relay/testkit/service-process";

test.each(["gateway", "dispatcher", "receiver", "migrate"])(
  "%s lists every bad value, shows no secret and exits with 78",
  async (app) => {
    const { code, output } = await runApp(app, {
      CHAT_WEBHOOK_SECRET: "tiny-secret",
      CHAT_GATEWAY_PORT: "99999",
      CHAT_QUEUE_BACKOFF_MS: "1s",
      NATS_URL: "http://127.0.0.1:4222",
    });
    expect(code).toBe(78);
    for (const variable of [
      "CHAT_WEBHOOK_SECRET",
      "CHAT_GATEWAY_PORT",
      "CHAT_QUEUE_BACKOFF_MS",
      "NATS_URL",
      "DATABASE_URL",
      "CHAT_N8N_WEBHOOK_URL",
    ]) {
      expect(output).toContain(variable);
    }
    expect(output).not.toContain("tiny-secret");
  },
);
