import type { ChatMessage } from "@chat-relay/core/message";
import { signWebhook, webhookKeys } from "@chat-relay/core/webhook-signature";
import { startFakeN8n, type FakeN8n } from "@chat-relay/testkit/fake-n8n";
import { testNatsUrl, wipeTestBus } from "@chat-relay/testkit/test-bus";
import { createTestDatabase } from "@chat-relay/testkit/test-database";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { freePort, runApp, serviceProcess, type ServiceProcess } from "./service-process.ts";

export const SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgZW5kIHRvIGVuZCB0ZXN0cw==";

export interface Visitor {
  sessionId: string;
  /** Sends a message; throws unless it is accepted. */
  send(content: string): Promise<ChatMessage>;
  messages(): Promise<ChatMessage[]>;
  /** Waits until the message has the status, and returns the history. */
  until(messageId: string, status: ChatMessage["status"]): Promise<ChatMessage[]>;
}

/** All services as processes on real stores, a fake n8n behind them. */
export interface Stack extends AsyncDisposable {
  gateway: ServiceProcess;
  dispatcher: ServiceProcess;
  receiver: ServiceProcess;
  n8n: FakeN8n;
  env: Record<string, string>;
  visitor(): Promise<Visitor>;
  /** Posts a signed callback, as a workflow does. */
  callback(id: string, body: object): Promise<Response>;
}

async function json<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text) as T;
}

async function createVisitor(gatewayUrl: string): Promise<Visitor> {
  const created = await fetch(`${gatewayUrl}/api/chat/session`, { method: "POST" });
  const { sessionId, sessionToken } = await json<{ sessionId: string; sessionToken: string }>(created);
  const headers = { authorization: `Bearer ${sessionToken}`, "content-type": "application/json" };
  const messages = async () => {
    const response = await fetch(`${gatewayUrl}/api/chat/messages/${sessionId}`, { headers });
    return (await json<{ messages: ChatMessage[] }>(response)).messages;
  };
  return {
    sessionId,
    messages,
    async send(content) {
      const body = JSON.stringify({ sessionId, content });
      return json<ChatMessage>(await fetch(`${gatewayUrl}/api/chat/send`, { method: "POST", headers, body }));
    },
    until: (messageId, status) =>
      waitFor(`message to be ${status}`, async () => {
        const history = await messages();
        return history.some((message) => message.id === messageId && message.status === status) && history;
      }, 45_000),
  };
}

function postSigned(url: string, id: string, body: object): Promise<Response> {
  const raw = Buffer.from(JSON.stringify(body));
  const timestamp = Math.floor(Date.now() / 1_000);
  const key = webhookKeys(SECRET)[0] as Buffer;
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(key, id, timestamp, raw),
  };
  return fetch(url, { method: "POST", headers, body: raw });
}

/** Starts everything; `env` sets configuration by variable name. */
export async function startStack(env: Record<string, string> = {}): Promise<Stack> {
  await using cleanup = new AsyncDisposableStack();
  const own = cleanup.use(await createTestDatabase());
  await wipeTestBus();
  const n8n = cleanup.use(await startFakeN8n());
  const [gatewayPort, receiverPort, dispatcherPort] = [await freePort(), await freePort(), await freePort()];
  const settings = {
    DATABASE_URL: own.url,
    NATS_URL: testNatsUrl(),
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
  const gateway = serviceProcess("gateway", gatewayPort, settings);
  const receiver = serviceProcess("receiver", receiverPort, settings);
  const dispatcher = serviceProcess("dispatcher", dispatcherPort, settings);
  for (const service of [gateway, receiver, dispatcher]) cleanup.defer(async () => void (await service.end("SIGKILL")));
  await Promise.all([gateway.start(), receiver.start(), dispatcher.start()]);
  const stack = cleanup.move();
  return {
    gateway,
    dispatcher,
    receiver,
    n8n,
    env: settings,
    visitor: () => createVisitor(gateway.url),
    callback: (id, body) => postSigned(`${receiver.url}/api/chat/webhook`, id, body),
    [Symbol.asyncDispose]: () => stack.disposeAsync() as Promise<void>,
  };
}
