import { waitFor } from "@chat-relay/testkit/wait-for";
import { onTestFinished } from "vitest";
import type { Internals } from "../chat-engine.ts";
import type { ChatStorage } from "../chat-storage.ts";
import { ChatClient, type ChatClientOptions, type ChatSnapshot } from "../index.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { TestStorage } from "./test-storage.ts";

const QUICK = { retryMs: 10, retryMaxMs: 50, patienceMs: 200, doubtMs: 50 };

/** Waits that are not over before the test is. */
export const NEVER = { retryMs: 60_000, retryMaxMs: 60_000 };

/** A gateway that lives as long as the test. */
export async function testGateway(): Promise<FakeGateway> {
  const gateway = await FakeGateway.start();
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  return gateway;
}

const storages = new WeakMap<ChatClient, ChatStorage>();

/** Where a test's client keeps what it must not forget: another one with the same is the page after a reload. */
export function storageOf(client: ChatClient): ChatStorage {
  const storage = storages.get(client);
  if (storage === undefined) throw new Error("not a test's client");
  return storage;
}

/** A client with short waits, stopped when the test is over. */
export function testClient(
  gateway: FakeGateway,
  options: Partial<ChatClientOptions> = {},
  { timing, ...internals }: Internals = {},
): ChatClient {
  const { storage = new TestStorage(), ...others } = options;
  const client = new ChatClient(
    { url: gateway.url, storage, ...others },
    { timing: { ...QUICK, ...timing }, ...internals },
  );
  storages.set(client, storage);
  onTestFinished(() => client.stop());
  return client;
}

/** Waits until the client shows it. */
export function untilShown(
  client: ChatClient,
  what: string,
  check: (snapshot: ChatSnapshot) => boolean,
): Promise<unknown> {
  return waitFor(what, () => check(client.snapshot), 10_000);
}

/** Waits until the client is live. */
export function untilLive(client: ChatClient): Promise<unknown> {
  return untilShown(client, "to be live", ({ connection }) => connection === "live");
}

/** What is shown, as short as it can be told: `3 user hi queued`. */
export function shown({ snapshot }: ChatClient): string[] {
  return snapshot.messages.map(
    ({ sequence, role, content, state }) => `${sequence ?? "-"} ${role} ${content} ${state}`,
  );
}

/** Watches every snapshot of a client. */
export function recordSnapshots(client: ChatClient): ChatSnapshot[] {
  const snapshots: ChatSnapshot[] = [];
  client.subscribe(() => snapshots.push(client.snapshot));
  return snapshots;
}
