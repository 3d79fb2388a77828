import { once } from "node:events";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import {
  parseWebhookSecrets,
  signWebhook,
  verifyWebhook,
  webhookKeys,
  type WebhookKey,
} from "@chat-relay/core/webhook-signature";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseConfig } from "@chat-relay/core/config";
import { botEnvironment } from "./sample-bot-environment.ts";
import { decideReply } from "./sample-bot-reply.ts";
import { createSampleBot } from "./sample-bot-server.ts";

const SECRET = "a-secret-of-the-tests";
const KEY = webhookKeys(SECRET)[0] as WebhookKey;
const MESSAGE_ID = "0190a000-0000-7000-8000-000000000001";

let bot: Server;
let botUrl: string;
let receiver: Server;
let receiverUrl: string;
let callbacks: { id: string; verified: boolean; body: unknown }[];
let statuses: number[];
let logged: string;
let stopping: AbortController;

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeEach(async () => {
  [callbacks, statuses, logged] = [[], [], ""];
  const logger = pino({}, { write: (line: string) => (logged += line) });
  stopping = new AbortController();
  bot = createSampleBot({ keys: [KEY], toleranceMs: 300_000, logger, laterMs: 10, stopping: stopping.signal });
  receiver = createServer((request, response) => {
    void text(request).then((body) => {
      const [id = "", timestamp, signature] = ["id", "timestamp", "signature"].map(
        (name) => request.headers[`webhook-${name}`] as string,
      );
      const result = verifyWebhook([KEY], { id, timestamp, signature }, Buffer.from(body), {
        nowMs: Date.now(),
        toleranceMs: 5_000,
      });
      callbacks.push({ id, verified: result.ok, body: JSON.parse(body) });
      response.writeHead(statuses.shift() ?? 200).end();
      receiver.emit("callback");
    });
  });
  [botUrl, receiverUrl] = [await listen(bot), await listen(receiver)];
});
afterEach(async () => {
  bot.closeAllConnections();
  receiver.closeAllConnections();
  await Promise.all([once(bot.close(), "close"), once(receiver.close(), "close")]);
});

function send(content: string, key = KEY): Promise<Response> {
  const data = { messageId: MESSAGE_ID, content, callbackUrl: `${receiverUrl}/api/chat/webhook` };
  const body = Buffer.from(JSON.stringify({ data, sessionId: "the-session" }));
  const timestamp = Math.floor(Date.now() / 1_000);
  const headers = {
    "webhook-id": MESSAGE_ID,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(key, MESSAGE_ID, timestamp, body),
    "chat-attempt": "1",
  };
  return fetch(`${botUrl}/webhook/chat`, { method: "POST", headers, body });
}

async function post(content: string, key = KEY): Promise<{ status: number; body: unknown }> {
  const response = await send(content, key);
  return { status: response.status, body: await response.json() };
}

/** What a streamed answer says, and in how many chunks it came. */
async function heard(response: Response) {
  const decoder = new TextDecoder();
  const chunks: string[] = [];
  for await (const chunk of response.body ?? []) chunks.push(decoder.decode(chunk, { stream: true }));
  const lines = chunks
    .join("")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; content?: string; metadata: object });
  return { lines, chunks: chunks.length, text: lines.map(({ content }) => content ?? "").join("") };
}

describe("the sample bot", () => {
  test("streams its answer to ordinary text as n8n does, word by word", async () => {
    const response = await send("Hello!");
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json; charset=utf-8"]);
    const { lines, chunks, text } = await heard(response);
    const metadata = { nodeId: "bot", nodeName: "Sample bot", itemIndex: 0, runIndex: 0 };
    expect(lines.map(({ type, content }) => [type, content])).toEqual([
      ["begin", undefined],
      ["item", "You "],
      ["item", "said: "],
      ["item", "Hello!"],
      ["end", undefined],
    ]);
    for (const line of lines) expect(line.metadata).toMatchObject(metadata);
    expect(text).toBe("You said: Hello!");
    expect(chunks).toBeGreaterThan(1);
  });

  test.each(["  two  spaces\n\nand lines ", "👋", "x".repeat(4_000)])(
    "says %j again to the letter",
    async (content) => {
      expect((await heard(await send(content))).text).toBe(`You said: ${content}`);
    },
  );

  test("has a long answer with what markdown can do, and finishes it at once when it is to end", async () => {
    const response = await send("/slow");
    const reader = heard(response);
    stopping.abort();
    const { text } = await reader;
    expect(text).toBe((await heard(await send("/long"))).text);
    for (const mark of [/^## /m, /^1\. /m, /^\| --- /m, /^```js$/m, /\]\(https:/, /\*\*\w/, /^> /m])
      expect(text).toMatch(mark);
  });

  test("refuses another signature", async () => {
    expect((await post("Hello!", Buffer.from("some other key"))).status).toBe(401);
    expect((await fetch(botUrl, { method: "POST", body: "{}" })).status).toBe(401);
  });

  test("answers /later by one signed callback, however often it is delivered", async () => {
    const arrived = once(receiver, "callback");
    const both = await Promise.all([post("/later please"), post("/later please")]);
    expect(both.map(({ body }) => body)).toEqual([
      { message: "Workflow was started" },
      { message: "Workflow was started" },
    ]);
    await arrived;
    expect(callbacks).toEqual([
      {
        id: `later-${MESSAGE_ID}`,
        verified: true,
        body: {
          sessionId: "the-session",
          replyTo: MESSAGE_ID,
          content: "As promised, a little later. You said: /later please",
        },
      },
    ]);
  });

  test("repeats a callback that met a failing receiver, under the same id", async () => {
    statuses = [503];
    const first = once(receiver, "callback");
    await post("later");
    await first;
    await once(receiver, "callback");
    expect(callbacks.map(({ id }) => id)).toEqual([`later-${MESSAGE_ID}`, `later-${MESSAGE_ID}`]);
  });

  test("fails on /fail, so that retries can be watched", async () => {
    expect((await post("/fail")).status).toBe(500);
  });

  test("says that it is ready, and nothing else to a browser", async () => {
    expect((await fetch(`${botUrl}/readyz`)).status).toBe(200);
    expect((await fetch(botUrl)).status).toBe(404);
  });

  test("logs neither text nor secret", async () => {
    await heard(await send("something private"));
    expect(logged).toContain("bot.received");
    expect(logged).not.toMatch(/something private|a-secret-of-the-tests/);
  });
});

test("the bot decides by the text alone", () => {
  const kinds = ["hi", "/help", "/fail now", "see you later!", "/LATER", "collateral"].map(
    (content) => decideReply(content).kind,
  );
  expect(kinds).toEqual(["stream", "stream", "fail", "later", "later", "stream"]);
});

test("the bot needs a secret and nothing of the rest", () => {
  expect(parseWebhookSecrets(SECRET).ok).toBe(true);
  expect(parseConfig(botEnvironment({ CHAT_WEBHOOK_SECRET: SECRET, CHAT_GATEWAY_PORT: "junk" })).ok).toBe(true);
  const refused = parseConfig(botEnvironment({}));
  expect(refused.ok ? [] : refused.problems.map(({ variable }) => variable)).toEqual(["CHAT_WEBHOOK_SECRET"]);
});
