import { signWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import type { Database } from "@chat-relay/database/database";
import { freePort } from "@chat-relay/embedded/free-port";
import { startFakeN8n, type FakeN8n } from "./fake-n8n.ts";
import { runApp, serviceProcess, type ServiceProcess } from "./service-process.ts";
import { stablePort } from "./stable-port.ts";
import { testNatsUrl, wipeTestBus } from "./test-bus.ts";
import { createTestDatabase } from "./test-database.ts";
import { createVisitor, type Visitor } from "./visitor.ts";

export const SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgZW5kIHRvIGVuZCB0ZXN0cw==";

/** All services as processes on real stores, a fake n8n behind them. */
export interface Stack extends AsyncDisposable {
  gateway: ServiceProcess;
  dispatcher: ServiceProcess;
  receiver: ServiceProcess;
  readonly n8n: FakeN8n;
  /** n8n is killed, calls under way and all, and started again in the same place; it begins as a new one does. */
  restartN8n(): Promise<void>;
  database: Database;
  env: Record<string, string>;
  visitor(): Promise<Visitor>;
  /** Posts a signed callback, as a workflow does. */
  callback(id: string, body: object): Promise<Response>;
}

function postSigned(url: string, id: string, body: object): Promise<Response> {
  const raw = Buffer.from(JSON.stringify(body));
  const timestamp = Math.floor(Date.now() / 1_000);
  const key = webhookKeys(SECRET)[0] as WebhookKey;
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(key, id, timestamp, raw),
  };
  return fetch(url, { method: "POST", headers, body: raw });
}

/** Where the stores are. */
export interface StoreUrls {
  DATABASE_URL: string;
  NATS_URL: string;
}

/** Starts everything; `env` sets configuration by variable name, `way` leads the services to the stores by another way. */
export async function startStack(
  env: Record<string, string> = {},
  way: (urls: StoreUrls) => StoreUrls | Promise<StoreUrls> = (urls) => urls,
): Promise<Stack> {
  await using cleanup = new AsyncDisposableStack();
  const own = cleanup.use(await createTestDatabase());
  await wipeTestBus();
  let n8n = await startFakeN8n(await stablePort());
  cleanup.defer(() => n8n[Symbol.asyncDispose]());
  const [gatewayPort, receiverPort, dispatcherPort] = [await freePort(), await freePort(), await freePort()];
  const settings = {
    ...(await way({ DATABASE_URL: own.url, NATS_URL: testNatsUrl() })),
    CHAT_N8N_WEBHOOK_URL: n8n.url,
    CHAT_WEBHOOK_SECRET: SECRET,
    CHAT_GATEWAY_PORT: String(gatewayPort),
    CHAT_RECEIVER_PORT: String(receiverPort),
    CHAT_DISPATCHER_PORT: String(dispatcherPort),
    CHAT_RATE_LIMIT_DISABLED: "true",
    CHAT_ACK_WAIT_MS: "3000",
    CHAT_QUEUE_INTERVAL_MS: "1000",
    CHAT_QUEUE_BACKOFF_MS: "200",
    ...env,
  };
  const migrated = await runApp("migrate", settings);
  if (migrated.code !== 0) throw new Error(`migrate failed: ${migrated.output}`);
  const gateway = serviceProcess("gateway", { port: gatewayPort, env: settings });
  const receiver = serviceProcess("receiver", { port: receiverPort, env: settings });
  const dispatcher = serviceProcess("dispatcher", { port: dispatcherPort, env: settings });
  for (const service of [gateway, receiver, dispatcher]) cleanup.defer(async () => void (await service.end("SIGKILL")));
  await Promise.all([gateway.start(), receiver.start(), dispatcher.start()]);
  const stack = cleanup.move();
  return {
    gateway,
    dispatcher,
    receiver,
    get n8n() {
      return n8n;
    },
    async restartN8n() {
      await n8n[Symbol.asyncDispose]();
      n8n = await startFakeN8n(n8n.port);
    },
    database: own.database,
    env: settings,
    visitor: () => createVisitor(gateway.url),
    callback: (id, body) => postSigned(`${receiver.url}/api/chat/webhook`, id, body),
    [Symbol.asyncDispose]: async () => stack.disposeAsync(),
  };
}
