// The workflow of all pipelines: takes a signed webhook, says that it has started, and answers by a signed callback.
import { createServer, type IncomingMessage } from "node:http";
import { signWebhook, verifyWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import { Agent, request } from "undici";
import type { StubStats } from "./stub-n8n.ts";

const TOLERANCE_MS = 300_000;
const secret = process.env["WEBHOOK_SECRET"] ?? "";
const keys = webhookKeys(secret);
const dispatcher = new Agent();
const stats: StubStats = { received: 0, forged: 0, repeated: 0, outOfOrder: 0, callbacksFailed: 0 };
const seen = new Set<string>();
const lastOrdinals = new Map<string, number>();

interface Webhook {
  sessionId: string;
  chatInput: string;
  data: { messageId: string; callbackUrl: string };
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function isAuthentic(incoming: IncomingMessage, body: Buffer): boolean {
  const header = (name: string) => String(incoming.headers[name]);
  const signed = {
    id: header("webhook-id"),
    timestamp: header("webhook-timestamp"),
    signature: header("webhook-signature"),
  };
  return verifyWebhook(keys, signed, body, { nowMs: Date.now(), toleranceMs: TOLERANCE_MS }).ok;
}

/** Visitors number what they say. */
function note({ sessionId, chatInput, data }: Webhook): void {
  stats.received += 1;
  if (seen.has(data.messageId)) stats.repeated += 1;
  seen.add(data.messageId);
  const ordinal = Number(/\d+/.exec(chatInput)?.[0]);
  if (ordinal < (lastOrdinals.get(sessionId) ?? 0)) stats.outOfOrder += 1;
  lastOrdinals.set(sessionId, ordinal);
}

async function callBack({ sessionId, chatInput, data }: Webhook): Promise<void> {
  const { messageId, callbackUrl } = data;
  const body = Buffer.from(JSON.stringify({ sessionId, replyTo: messageId, content: `You said: ${chatInput}` }));
  const timestamp = Math.floor(Date.now() / 1_000);
  const headers = {
    "content-type": "application/json",
    "webhook-id": `reply-${messageId}`,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(keys[0] as WebhookKey, `reply-${messageId}`, timestamp, body),
  };
  const response = await request(callbackUrl, { method: "POST", headers, body, dispatcher });
  await response.body.dump();
  if (response.statusCode !== 200) throw new Error(`the callback was answered ${response.statusCode}`);
}

async function take(incoming: IncomingMessage): Promise<{ status: number; webhook?: Webhook }> {
  const body = await readBody(incoming);
  if (!isAuthentic(incoming, body)) {
    stats.forged += 1;
    return { status: 401 };
  }
  const webhook = JSON.parse(body.toString("utf8")) as Webhook;
  note(webhook);
  return { status: 200, webhook };
}

const STARTED = JSON.stringify({ message: "Workflow was started" });

createServer((incoming, response) => {
  if (incoming.method === "GET") return void response.end(JSON.stringify(stats));
  void take(incoming).then(async ({ status, webhook }) => {
    response.writeHead(status, { "content-type": "application/json" }).end(STARTED);
    if (webhook === undefined) return;
    await callBack(webhook).catch((error: unknown) => {
      stats.callbacksFailed += 1;
      process.stderr.write(`${String(error)}\n`);
    });
  });
}).listen(Number(process.env["PORT"]), "127.0.0.1");
