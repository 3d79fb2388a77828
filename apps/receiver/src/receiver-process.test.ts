import { decodeEvent } from "@chat-relay/bus/event-codec";
import { STREAM_NAME } from "@chat-relay/core/events";
import { startFaultProxy } from "@chat-relay/testkit/fault-proxy";
import { givenMessage, givenSession } from "@chat-relay/testkit/conversation";
import { createTestBus, testNatsUrl } from "@chat-relay/testkit/test-bus";
import { createTestDatabase, type TestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SECRET, signedHeaders } from "./testing/test-receiver.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

let stores: TestDatabase;
beforeAll(async () => {
  stores = await createTestDatabase();
});
afterAll(() => stores[Symbol.asyncDispose]());

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Receiver extends AsyncDisposable {
  url: string;
  child: ChildProcess;
  lines: Record<string, unknown>[];
  output: () => string;
  exit: Promise<number | null>;
}

async function startReceiver(env: Record<string, string> = {}): Promise<Receiver> {
  const port = await freePort();
  const child = spawn(process.execPath, [MAIN], {
    env: {
      CHAT_WEBHOOK_SECRET: SECRET,
      CHAT_N8N_WEBHOOK_URL: "http://127.0.0.1:9/nobody",
      DATABASE_URL: stores.url,
      NATS_URL: testNatsUrl(),
      CHAT_RECEIVER_PORT: String(port),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    get lines() {
      return text
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    output: () => text,
    exit,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

const isReady = (receiver: Receiver) => fetch(`${receiver.url}/readyz`).then((response) => response.ok);

function post(receiver: Receiver, body: object, headers: Record<string, string> = {}): Promise<Response> {
  const raw = Buffer.from(JSON.stringify(body), "utf8");
  const all = { "content-type": "application/json", ...signedHeaders(raw), ...headers };
  return fetch(`${receiver.url}/api/chat/webhook`, { method: "POST", headers: all, body: raw });
}

describe("the receiver's process", () => {
  test("announces a committed reply on the bus, within the sender's trace, and takes it out of the outbox", async () => {
    await using bus = await createTestBus();
    await using receiver = await startReceiver();
    await waitFor("the bus", () => receiver.lines.some((line) => line["msg"] === "bus.connected"));
    await waitFor("readiness", () => isReady(receiver));
    const sessionId = await givenSession(stores.database);
    const { message } = await givenMessage(stores.database, sessionId);
    const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
    const response = await post(receiver, { sessionId, replyTo: message.id, content: "On the bus" }, { traceparent });
    const { messageId } = (await response.json()) as { messageId: string };
    const subject = `chat.reply.${sessionId}`;
    const stored = await waitFor("the event", () =>
      bus.client().jsm.streams.getMessage(STREAM_NAME, { last_by_subj: subject }),
    );
    const event = decodeEvent(stored.header, stored.data);
    expect(event).toMatchObject({
      type: "chat.reply",
      id: messageId,
      sessionId,
      data: { id: messageId, content: "On the bus", replyTo: message.id },
    });
    expect(event?.traceparent).toMatch(new RegExp(`^00-${TRACE}-`));
    await waitFor("an empty outbox", async () => {
      const statement = { name: "", text: "SELECT 1 FROM chat_reply_outbox WHERE message_id = $1" };
      return (await stores.database.query(statement, [messageId])).length === 0;
    });
  });

  test("logs ids and reasons, never a text, a signature or a secret; counts results; stops cleanly", async () => {
    await using receiver = await startReceiver();
    await waitFor("readiness", () => isReady(receiver));
    expect(await (await fetch(`${receiver.url}/api/chat/webhook`)).json()).toEqual({
      status: "ok",
      service: "receiver",
    });
    const sessionId = await givenSession(stores.database);
    const body = { sessionId, content: "Geheimer Inhalt", metadata: { iban: "DE00-geheim" } };
    const once = { ...signedHeaders(Buffer.from(JSON.stringify(body))) };
    const first = (await (await post(receiver, body, once)).json()) as { messageId: string };
    expect((await post(receiver, body, once)).status).toBe(200);
    expect((await post(receiver, { ...body, content: "" })).status).toBe(400);
    expect((await post(receiver, body, { "webhook-signature": "v1,AAAAgeheim" })).status).toBe(401);

    const metrics = await (await fetch(`${receiver.url}/metrics`)).text();
    for (const result of ["recorded", "duplicate", "invalid", "unauthorized"]) {
      expect(metrics).toContain(`chat_callbacks_total{result="${result}",service="receiver"} 1`);
    }
    receiver.child.kill("SIGTERM");
    expect(await receiver.exit).toBe(0);
    const recorded = receiver.lines.filter((line) => line["callback"] === "recorded");
    expect(recorded).toHaveLength(1);
    expect(recorded[0]).toMatchObject({
      msg: "request.completed",
      callbackId: once["webhook-id"],
      messageId: first.messageId,
      sessionId,
      sequence: 1,
    });
    expect(receiver.lines.find((line) => line["msg"] === "callback.refused")).toMatchObject({
      reason: "signature_mismatch",
    });
    expect(receiver.output()).not.toMatch(/geheim/i);
    expect(receiver.output()).not.toContain(SECRET);
    expect(receiver.output()).not.toContain(once["webhook-signature"]);
  });

  test("takes callbacks while NATS is away, and leaves their events to the sweep", async () => {
    await using receiver = await startReceiver({ NATS_URL: `nats://127.0.0.1:${await freePort()}` });
    await waitFor("readiness", () => isReady(receiver));
    const sessionId = await givenSession(stores.database);
    const response = await post(receiver, { sessionId, content: "x" });
    const { messageId } = (await response.json()) as { messageId: string };
    expect(response.status).toBe(200);
    const statement = { name: "", text: "SELECT 1 FROM chat_reply_outbox WHERE message_id = $1" };
    expect(await stores.database.query(statement, [messageId])).toHaveLength(1);
    receiver.child.kill("SIGTERM");
    expect(await receiver.exit).toBe(0);
  });

  test("finishes its publishes before it ends", async () => {
    await using receiver = await startReceiver({ CHAT_SHUTDOWN_DRAIN_MS: "100" });
    await waitFor("the bus", () => receiver.lines.some((line) => line["msg"] === "bus.connected"));
    const sessionId = await givenSession(stores.database);
    expect((await post(receiver, { sessionId, content: "x" })).status).toBe(200);
    receiver.child.kill("SIGTERM");
    expect(await receiver.exit).toBe(0);
    const statement = {
      name: "",
      text: "SELECT 1 FROM chat_reply_outbox o JOIN chat_message m ON m.id = o.message_id WHERE m.session_id = $1",
    };
    expect(await stores.database.query(statement, [sessionId])).toEqual([]);
  });

  test.each(["refuse", "blackhole"] as const)("stops cleanly after NATS went away (%s)", async (mode) => {
    await using road = await startFaultProxy(testNatsUrl());
    await using receiver = await startReceiver({ NATS_URL: road.url });
    await waitFor("the bus", () => receiver.lines.some((line) => line["msg"] === "bus.connected"));
    await road[mode]();
    const body = { sessionId: await givenSession(stores.database), content: "x" };
    expect((await post(receiver, body)).status).toBe(200);
    receiver.child.kill("SIGTERM");
    expect(await receiver.exit).toBe(0);
  });

  test("is not ready on a database that was never migrated", async () => {
    const url = new URL(stores.url);
    url.pathname = "/postgres";
    await using receiver = await startReceiver({ DATABASE_URL: url.href });
    const readiness = await waitFor("an answer", async () => (await fetch(`${receiver.url}/readyz`)).json());
    expect(readiness).toEqual({ status: "not_ready", checks: { postgres: "failing" } });
    expect((await fetch(`${receiver.url}/api/chat/webhook`)).status).toBe(503);
  });

  test("ends with 78 when the bus is provisioned otherwise, and when its configuration is not valid", async () => {
    await using bus = await createTestBus();
    await using drifted = await startReceiver({ CHAT_STREAM_MAX_AGE_MS: "60000" });
    expect(await drifted.exit).toBe(78);
    expect(bus.connected).toBe(true);
    await using misconfigured = await startReceiver({ CHAT_WEBHOOK_SECRET: "short" });
    expect(await misconfigured.exit).toBe(78);
    expect(misconfigured.output()).toContain("CHAT_WEBHOOK_SECRET");
  });
});
