import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { createTestBus, testNatsUrl } from "@chat-relay/testkit/test-bus";
import { createTestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterEach, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function start(env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  const exited = once(child, "exit").then(() => {
    running.delete(child);
    return { code: child.exitCode, signal: child.signalCode };
  });
  return { child, exited, output: () => output };
}

const SECRETS = { CHAT_WEBHOOK_SECRET: "a-secret-for-the-tests", CHAT_N8N_WEBHOOK_URL: "http://127.0.0.1:9/nobody" };

test("a bad configuration ends it with 78 and every problem, without the values", async () => {
  const { exited, output } = start({
    ...SECRETS,
    CHAT_ADMIN_TOKEN: "too-short",
    CHAT_GATEWAY_PORT: "0",
    DATABASE_URL: "postgres://u:hidden@127.0.0.1/x",
  });
  expect((await exited).code).toBe(78);
  for (const variable of ["CHAT_ADMIN_TOKEN", "CHAT_GATEWAY_PORT", "NATS_URL"]) expect(output()).toContain(variable);
  expect(output()).not.toMatch(/too-short|hidden/);
});

test("comes up without PostgreSQL and NATS, serves once they are there, and stops cleanly", async () => {
  await using stores = await createTestDatabase();
  await using bus = await createTestBus();
  await using postgres = await startFaultProxy(stores.url);
  await using nats = await startFaultProxy(testNatsUrl());
  await postgres.refuse();
  await nats.refuse();
  const port = await freePort();
  const root = `http://127.0.0.1:${port}`;
  const gateway = start({
    ...SECRETS,
    CHAT_GATEWAY_PORT: String(port),
    DATABASE_URL: postgres.url,
    NATS_URL: nats.url,
  });
  await waitFor("the gateway to listen", async () => (await fetch(`${root}/healthz`)).status === 200);
  expect((await fetch(`${root}/readyz`)).status).toBe(503);
  const refused = await fetch(`${root}/api/chat/session`, { method: "POST" });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);

  await postgres.pass();
  await waitFor("readiness", async () => (await fetch(`${root}/readyz`)).status === 200);
  const session = (await (await fetch(`${root}/api/chat/session`, { method: "POST" })).json()) as {
    sessionId: string;
    sessionToken: string;
  };
  const send = () =>
    fetch(`${root}/api/chat/send`, {
      method: "POST",
      headers: { authorization: `Bearer ${session.sessionToken}`, "content-type": "application/json" },
      body: JSON.stringify({ sessionId: session.sessionId, content: "a private word" }),
    });
  expect((await send()).status).toBe(202);
  await nats.pass();
  await waitFor("NATS", async () => /chat_bus_connected\{.*\} 1/.test(await (await fetch(`${root}/metrics`)).text()));
  expect((await bus.state()).pending).toBe(0); // missed by the fast path: the dispatchers' sweep publishes it

  await nats.refuse();
  gateway.child.kill("SIGTERM");
  await waitFor("readiness to go", async () => (await fetch(`${root}/readyz`)).status === 503);
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
  expect(gateway.output()).toContain('"service.stopped"');
  for (const secret of ["a private word", session.sessionToken, "a-secret-for-the-tests"])
    expect(gateway.output()).not.toContain(secret);
});

test("a NATS that refuses ends it with 78", async () => {
  await using stores = await createTestDatabase();
  await using bus = await createTestBus({ CHAT_STREAM_MAX_BYTES: "2097152" });
  const env = {
    ...SECRETS,
    CHAT_GATEWAY_PORT: String(await freePort()),
    DATABASE_URL: stores.url,
    NATS_URL: testNatsUrl(),
  };
  expect(bus.connected).toBe(true);
  const { exited, output } = start(env);
  expect((await exited).code).toBe(78);
  expect(output()).toContain("npm run chat:migrate");
});
