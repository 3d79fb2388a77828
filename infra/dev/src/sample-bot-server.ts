import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { verifyWebhook, type WebhookKey } from "@chat-relay/core/webhook-signature";
import type { Logger } from "pino";
import { sendCallback } from "./sample-bot-callback.ts";
import { readBotMessage } from "./sample-bot-message.ts";
import type { BotMessage } from "./sample-bot-message.ts";
import { decideReply } from "./sample-bot-reply.ts";
import { streamText } from "./sample-bot-stream.ts";

export interface SampleBotOptions {
  /** The first signs, all verify. */
  keys: readonly [WebhookKey, ...WebhookKey[]];
  toleranceMs: number;
  logger: Logger;
  /** How long the bot waits before it answers by callback. */
  laterMs?: number;
  /** The bot is to end: answers under way are finished without waiting. */
  stopping?: AbortSignal;
}

const BODY_MAX_BYTES = 1_048_576;
const LATER_MS = 3_000;
const WORD_MS = 45;
const STREAM_MS = 10_000;
const SLOW_WORD_MS = 200;
const SLOW_STREAM_MS = 30_000;

type Answer = { status: number; body: unknown } | { stream: string; slowly: boolean };

/** The sample bot as a server that is not listening yet. Closing the server gives up callbacks under way. */
export function createSampleBot(options: SampleBotOptions): Server {
  const closed = new AbortController();
  const bot = new SampleBot(options, closed.signal);
  const hurry = options.stopping ?? closed.signal;
  const server = createServer((request, response) => {
    void answer(bot, request).then((result) => send(response, result, hurry));
  });
  return server.on("close", () => closed.abort());
}

async function answer(bot: SampleBot, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? "").split("?")[0];
  if (request.method === "GET" && (path === "/healthz" || path === "/readyz"))
    return { status: 200, body: { status: "ready" } };
  if (request.method !== "POST")
    return { status: 404, body: { message: "the sample bot takes chat-relay's webhooks, by POST" } };
  const body = await readBody(request).catch(() => undefined);
  if (body === undefined) return { status: 413, body: { message: "the body is too large or broke off" } };
  return bot.receive(request, body);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_MAX_BYTES) throw new Error("too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function send(response: ServerResponse, given: Answer, hurry: AbortSignal): Promise<void> {
  if ("stream" in given) {
    const [wordMs, totalMs] = given.slowly ? [SLOW_WORD_MS, SLOW_STREAM_MS] : [WORD_MS, STREAM_MS];
    return streamText(response, given.stream, { wordMs, totalMs, hurry });
  }
  response.writeHead(given.status, { "content-type": "application/json" }).end(JSON.stringify(given.body));
}

/** Behaves as an n8n workflow would: checks the signature, then answers, promises an answer, or fails. */
class SampleBot {
  readonly #options: SampleBotOptions;
  readonly #signal: AbortSignal;
  /** Messages whose callback is under way: a message that is delivered again needs no second one. */
  readonly #pending = new Set<string>();

  constructor(options: SampleBotOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  receive(request: IncomingMessage, body: Buffer): Answer {
    const { keys, toleranceMs, logger } = this.#options;
    const [id, timestamp, signature] = ["id", "timestamp", "signature"].map((name) =>
      header(request, `webhook-${name}`),
    );
    const verified = verifyWebhook([...keys], { id, timestamp, signature }, body, { nowMs: Date.now(), toleranceMs });
    if (!verified.ok) {
      logger.warn({ reason: verified.reason }, "bot.refused");
      return { status: 401, body: { message: "the signature does not match" } };
    }
    const message = readBotMessage(body);
    if (message === undefined) return { status: 400, body: { message: "this is no message of chat-relay" } };
    return this.#reply(message, Number(header(request, "chat-attempt") ?? "1"));
  }

  #reply(message: BotMessage, attempt: number): Answer {
    const decision = decideReply(message.content);
    this.#options.logger.info({ messageId: message.messageId, attempt, decision: decision.kind }, "bot.received");
    switch (decision.kind) {
      case "stream":
        return { stream: decision.text, slowly: decision.slowly === true };
      case "fail":
        return { status: 500, body: { message: "failing, as asked" } };
      case "later":
        void this.#callBack(message, decision.text);
        return { status: 200, body: { message: "Workflow was started" } };
    }
  }

  async #callBack(message: BotMessage, text: string): Promise<void> {
    const { messageId } = message;
    if (this.#pending.has(messageId)) return;
    this.#pending.add(messageId);
    const { keys, logger, laterMs: afterMs = LATER_MS } = this.#options;
    try {
      const result = await sendCallback({ key: keys[0], message, text, afterMs, signal: this.#signal });
      logger[result.ok ? "info" : "error"]({ messageId, ...result }, "bot.called_back");
    } catch {
      logger.warn({ messageId }, "bot.callback_given_up"); // stopping
    } finally {
      this.#pending.delete(messageId);
    }
  }
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
