import { openBus } from "@chat-relay/bus/bus";
import { countUnpublished, markTokensPublished } from "@chat-relay/database/outbox";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { testNatsUrl } from "@chat-relay/testkit/test-bus";
import { testConfig } from "@chat-relay/testkit/test-config";
import { openTestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { inject, expect, test } from "vitest";
import { ADMIN, type TestGateway } from "./testing/test-gateway.ts";
import { useStores } from "./testing/use-stores.ts";

const shared = useStores();
const UNLIMITED = { CHAT_RATE_LIMIT_DISABLED: "true" };

async function databaseName(): Promise<string> {
  const [row] = await shared.stores.database.query<{ name: string }>(
    { name: "", text: "SELECT current_database() AS name" },
    [],
  );
  return String(row?.name);
}

async function everyRoute(gateway: TestGateway, { id, auth }: { id: string; auth: { authorization: string } }) {
  return Promise.all([
    gateway.call("POST", "/api/chat/session"),
    gateway.call("GET", "/api/chat/session", { headers: auth }),
    gateway.call("DELETE", "/api/chat/session", { headers: auth }),
    gateway.call("POST", "/api/chat/send", { headers: auth, payload: { sessionId: id, content: "x" } }),
    gateway.call("GET", `/api/chat/messages/${id}`, { headers: auth }),
    gateway.call("GET", "/api/chat/admin/queue", { headers: ADMIN }),
    gateway.call("GET", "/api/chat/admin/deliveries", { headers: ADMIN }),
    gateway.call("GET", `/api/chat/admin/deliveries/${id}`, { headers: ADMIN }),
    gateway.call("POST", `/api/chat/admin/deliveries/${id}/replay`, { headers: ADMIN }),
    gateway.call("POST", "/api/chat/admin/deliveries/replay", { headers: ADMIN, payload: { status: "failed" } }),
    gateway.call("GET", `/api/chat/admin/sessions/${id}`, { headers: ADMIN }),
  ]);
}

test("PostgreSQL away: 503 with Retry-After on every route, and back by itself", async () => {
  const url = new URL(inject("infrastructure").databaseUrl);
  url.pathname = `/${await databaseName()}`;
  await using proxy = await startFaultProxy(url.href);
  await using database = await openTestDatabase(proxy.url);
  const gateway = await shared.stores.gateway(undefined, { database });
  const visitor = await gateway.session();
  expect((await gateway.call("GET", "/readyz")).statusCode).toBe(200);
  await proxy.refuse();
  for (const answer of await everyRoute(gateway, visitor)) {
    expect([answer.statusCode, answer.data.code, Number(answer.headers["retry-after"]) > 0]).toEqual([
      503,
      "unavailable",
      true,
    ]);
  }
  const ready = await gateway.call("GET", "/readyz");
  expect([ready.statusCode, ready.data]).toEqual([503, { status: "not_ready", checks: { postgres: "failing" } }]);
  expect((await gateway.call("GET", "/healthz")).statusCode).toBe(200);
  await proxy.pass();
  const sent = await waitFor("a send that works again", async () => {
    const answer = await gateway.call("POST", "/api/chat/send", {
      headers: visitor.auth,
      payload: { sessionId: visitor.id, content: "x" },
    });
    return answer.statusCode === 202 && answer;
  });
  expect(sent.data.sequence).toBe(1);
  expect((await gateway.call("GET", "/readyz")).statusCode).toBe(200);
});

test("NATS away: sends are accepted until the outbox is full, then 503, and again when there is room", async () => {
  await using proxy = await startFaultProxy(testNatsUrl());
  const bus = openBus({ ...testConfig({ NATS_URL: proxy.url }), name: "test-cut" });
  await bus.ready;
  const before = await countUnpublished(shared.stores.database, 1_000, true);
  const gateway = await shared.stores.gateway({ ...UNLIMITED, CHAT_OUTBOX_MAX: String(before + 2) }, { bus });
  const { id, auth } = await gateway.session();
  await proxy.refuse();
  await waitFor("the bus to notice", () => !bus.connected);
  const send = (key: string) =>
    gateway.call("POST", "/api/chat/send", {
      headers: auth,
      payload: { sessionId: id, content: "x", clientMessageId: key },
    });
  const first = await send("1");
  expect([first.statusCode, (await send("2")).statusCode]).toEqual([202, 202]);
  const full = await send("3");
  expect([full.statusCode, full.data.code, full.headers["retry-after"]]).toEqual([503, "unavailable", "5"]);
  expect((await send("1")).statusCode).toBe(200);
  expect((await gateway.call("GET", "/readyz")).statusCode).toBe(200);
  expect((await gateway.call("GET", "/api/chat/admin/queue", { headers: ADMIN })).data).toMatchObject({
    bus: null,
    outbox: { unpublished: before + 2 },
  });
  expect((await gateway.call("GET", "/metrics")).body).toMatch(/^chat_bus_connected\{service="gateway"\} 0$/m);
  await markTokensPublished(shared.stores.database, [{ messageId: first.data.id, epoch: 1, streamSequence: 1 }]);
  expect((await send("3")).statusCode).toBe(202);
  await proxy.pass();
  await waitFor("the bus to come back", () => bus.connected);
  await bus[Symbol.asyncDispose]();
});
