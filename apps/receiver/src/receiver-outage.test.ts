import { openDatabase } from "@chat-relay/database/database";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { givenSession } from "@chat-relay/testkit/conversation";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postCallback, testReceiver } from "./testing/test-receiver.ts";

const TIMEOUT_MS = 400;

let stores: TestDatabase;
beforeAll(async () => {
  stores = await createTestDatabase();
});
afterAll(() => stores[Symbol.asyncDispose]());

async function receiverOnRoad() {
  const road = await startFaultProxy(stores.url);
  const { url } = road;
  const database = await openDatabase({ url, poolSize: 4, timeoutMs: TIMEOUT_MS, applicationName: "chat-test" });
  return { road, database, app: testReceiver(database) };
}

describe("while PostgreSQL is away", () => {
  test.each(["refuse", "blackhole"] as const)("503 (%s), 401 for a forgery, and it heals by itself", async (mode) => {
    const { road, database, app } = await receiverOnRoad();
    const body = { sessionId: await givenSession(stores.database), content: "x" };
    const id = `evt_${mode}`;
    expect((await app.inject("/readyz")).json()).toEqual({ status: "ready", checks: { postgres: "ok" } });
    await road[mode]();

    const startedAtMs = performance.now();
    const refused = await postCallback(app, body, { id });
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    expect([refused.statusCode, refused.json().code]).toEqual([503, "unavailable"]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect((await postCallback(app, body, { key: Buffer.from("another-secret-altogether") })).statusCode).toBe(401);
    const probe = await app.inject("/api/chat/webhook");
    expect([probe.statusCode, probe.json().code]).toEqual([503, "unavailable"]);
    expect(Number(probe.headers["retry-after"])).toBeGreaterThan(0);
    expect((await app.inject("/readyz")).json()).toEqual({ status: "not_ready", checks: { postgres: "failing" } });
    expect((await app.inject("/healthz")).statusCode).toBe(200);

    await road.pass();
    const taken = await waitFor("the receiver to heal", async () => {
      const response = await postCallback(app, body, { id });
      return response.statusCode === 200 && response.json();
    });
    expect(taken).toMatchObject({ sessionId: body.sessionId, sequence: 1 });
    expect((await app.inject("/api/chat/webhook")).statusCode).toBe(200);
    await app.close();
    await database[Symbol.asyncDispose]();
    await road[Symbol.asyncDispose]();
  });

  test("a commit whose answer was lost is found by the sender's next try", async () => {
    const { road, database, app } = await receiverOnRoad();
    const body = { sessionId: await givenSession(stores.database), content: "x" };
    const first = await postCallback(app, body, { id: "evt_lost" });
    await road.refuse();
    expect((await postCallback(app, body, { id: "evt_lost" })).statusCode).toBe(503);
    await road.pass();
    const again = await waitFor("the receiver to heal", async () => {
      const response = await postCallback(app, body, { id: "evt_lost" });
      return response.statusCode === 200 && response.json();
    });
    expect(again).toEqual({ ...first.json(), duplicate: true });
    await app.close();
    await database[Symbol.asyncDispose]();
    await road[Symbol.asyncDispose]();
  });
});
