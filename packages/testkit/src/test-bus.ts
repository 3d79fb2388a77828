import { openBus, type Bus } from "@chat-relay/bus/bus";
import { LIVE_STREAM_NAME, STREAM_NAME } from "@chat-relay/core/events";
import { inject } from "vitest";
import type {} from "./infrastructure.ts";
import { testConfig } from "./test-config.ts";

/** The NATS URL of this test file: an account that no other file uses meanwhile. */
export function testNatsUrl(): string {
  const account = `test${process.env["VITEST_POOL_ID"] ?? "1"}`;
  return inject("infrastructure").natsAddress.replace("nats://", `nats://${account}:${account}@`);
}

/** Removes the streams that an earlier file may have left in this file's account. */
export async function wipeTestBus(): Promise<void> {
  await using bus = openBus({ ...testConfig({ NATS_URL: testNatsUrl() }), name: "test-wipe" });
  await bus.ready.catch(() => undefined); // left with other settings: it goes anyway
  for (const name of [STREAM_NAME, LIVE_STREAM_NAME]) await bus.client().jsm.streams.delete(name);
}

/** A bus on empty streams; `env` sets limits by variable name. */
export async function createTestBus(env: Record<string, string> = {}): Promise<Bus> {
  await wipeTestBus();
  const bus = openBus({ ...testConfig({ ...env, NATS_URL: testNatsUrl() }), name: "test" });
  await bus.ready;
  return bus;
}
