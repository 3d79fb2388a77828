import { signWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import type { FakeAnswer, FakeCall } from "@chat-relay/testkit/fake-n8n";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { n8nLine } from "./n8n-lines.ts";
import { attemptOf } from "./n8n-script.ts";
import { postOnce } from "./post-once.ts";
import { TEXT_CANARY, WEBHOOK_SECRET } from "./product-env.ts";
import { hash, type Random } from "./random.ts";
import type { Seen } from "./load.ts";
import type { World } from "./world.ts";

const KEY = webhookKeys(WEBHOOK_SECRET)[0] as WebhookKey;
const GIVE_UP_MS = 90_000;

/** Headers of a signed callback. */
export function signedHeaders(id: string, body: Buffer, atMs = Date.now(), key = KEY): Record<string, string> {
  const timestamp = Math.floor(atMs / 1_000);
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook(key, id, timestamp, body),
  };
}

export function messageIdOf(call: FakeCall): string {
  return String(call.headers["webhook-id"]);
}

/** How everything begins that the workflow says. */
export const USUAL = "The usual reply to ";

/** What the workflow says to a message. */
export function usualReply(messageId: string): string {
  return `${USUAL}${messageId} ${TEXT_CANARY}`;
}

/** What a stream says that comes to nothing. */
const FALTERING = `Words that nobody is to see in the end ${TEXT_CANARY}`;

/** The text in 3 to 8 pieces. */
function cut(text: string, random: Random): string[] {
  const size = Math.ceil(text.length / (3 + random.int(6)));
  return text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
}

/** n8n's stream of a text, with pauses; what it writes at once need not end with a line. */
async function* spoken(text: string, random: Random, end: "ends" | "fails" | "goes on"): AsyncGenerator<string> {
  yield n8nLine({ type: "begin" });
  for (const content of cut(text, random)) {
    const line = n8nLine({ type: "item", content });
    const half = random.int(line.length);
    yield line.slice(0, half);
    await pause(random.int(60));
    yield line.slice(half);
  }
  if (end === "goes on") return;
  yield n8nLine({ type: "keepalive" }) + n8nLine({ type: "end" });
  if (end === "fails") yield n8nLine({ type: "error" });
}

/** How the workflow replies to a message, always the same for the same message. */
export function waysOfReplying(messageId: string): "json" | "text" | "stream" | "callback" {
  const ways = ["json", "json", "text", "stream", "stream", "stream", "callback", "callback"] as const;
  return ways[hash(messageId) % ways.length] ?? "json";
}

/**
 * A workflow that answers every message once, some in the response, some by n8n's stream and some by callback, as its
 * author would write it: the callback's id comes from the message's, so that running twice replies once. Callbacks come
 * double at times, and half of them are preceded by pieces of what they will say.
 */
export class Bot {
  /** Callbacks that a receiver answered, by status. */
  readonly callbackAnswers = new Map<number, number>();
  /** What each callback came to, one by one. */
  readonly seen: Seen[] = [];
  /** What it signs its callbacks with. */
  key = KEY;
  /** Of the streams, a few first ones say something wrong, and fail or break off. */
  falters = false;
  #world: World;
  #random: Random;
  #running = new Set<Promise<void>>();
  #notTaken: string[] = [];
  #pickReceiver = () => this.#random.pick(this.#world.receivers).url;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** From now on callbacks go where `pick` says; to any receiver by default. */
  route(pick: () => string): void {
    this.#pickReceiver = pick;
  }

  /** Callbacks that are not yet taken. */
  get underWay(): number {
    return this.#running.size;
  }

  /** The workflow itself; for `FakeN8n.answerWith`. */
  answer = async (call: FakeCall): Promise<FakeAnswer> => {
    await pause(this.#random.int(40));
    const id = messageIdOf(call);
    const text = usualReply(id);
    const way = waysOfReplying(id);
    if (way === "json") return { body: { output: text } };
    if (way === "text") return { body: text };
    if (way === "stream") return this.#stream(call, text);
    if (hash(`${id} in pieces`) % 2 === 0) this.#postInPieces(call, text);
    else this.callBack(call, text);
    return { body: { message: "Workflow was started" } };
  };

  /** Replies to the call by callback, up to three times, in the background. */
  callBack(call: FakeCall, content: string, times = 1 + this.#random.int(3)): void {
    const { sessionId } = call.body as { sessionId: string };
    const replyTo = messageIdOf(call);
    for (let count = 0; count < times; count += 1) {
      this.post(`reply-${replyTo}`, { sessionId, replyTo, content }, this.#random.int(200));
    }
  }

  /** Posts a callback to any receiver until one takes it, in the background. */
  post(id: string, body: object, afterMs = 0): void {
    this.#inBackground(this.#postUntilTaken(id, Buffer.from(JSON.stringify(body)), afterMs));
  }

  #inBackground(task: Promise<void>): void {
    const work = task
      .catch((error: unknown) => void this.#notTaken.push(String(error)))
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  #stream(call: FakeCall, text: string): FakeAnswer {
    const chance = this.falters && attemptOf(call) === 1 ? hash(`${messageIdOf(call)} falters`) % 8 : -1;
    if (chance === 0) return { chunks: spoken(FALTERING, this.#random, "fails") };
    if (chance === 1) return { chunks: spoken(FALTERING, this.#random, "goes on"), breaksOff: true };
    return { chunks: spoken(text, this.#random, "ends") };
  }

  /** Pieces are posted once each: what is lost of them, the reply makes good. */
  #postInPieces(call: FakeCall, content: string): void {
    const { sessionId } = call.body as { sessionId: string };
    const replyTo = messageIdOf(call);
    const inOrder = async () => {
      let offset = 0;
      for (const piece of cut(content, this.#random)) {
        const body = { type: "chat.reply.delta", sessionId, replyTo, offset, content: piece };
        await pause(this.#random.int(60));
        const status = await this.#tryOnce(`piece-${randomUUID()}`, Buffer.from(JSON.stringify(body)));
        if (status >= 400 && status < 500) throw new Error(`a piece was answered ${status}`);
        offset += piece.length;
      }
      await this.#postUntilTaken(`reply-${replyTo}`, Buffer.from(JSON.stringify({ sessionId, replyTo, content })), 0);
    };
    this.#inBackground(inOrder());
  }

  /** Waits until all callbacks are taken; throws when one was not. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#notTaken.length > 0) throw new Error(this.#notTaken.join("; "));
  }

  async #postUntilTaken(id: string, body: Buffer, afterMs: number): Promise<void> {
    await pause(afterMs);
    const deadlineMs = performance.now() + GIVE_UP_MS;
    for (;;) {
      const status = await this.#tryOnce(id, body);
      if (status === 200) return;
      if (performance.now() > deadlineMs) throw new Error(`callback ${id} was not taken: ${status}`);
      await pause(100 + this.#random.int(300));
    }
  }

  async #tryOnce(id: string, body: Buffer): Promise<number> {
    const headers = signedHeaders(id, body, Date.now(), this.key);
    const { seen } = await postOnce(`${this.#pickReceiver()}/api/chat/webhook`, headers, body);
    const { status } = seen;
    this.seen.push(seen);
    if (status > 0) this.callbackAnswers.set(status, (this.callbackAnswers.get(status) ?? 0) + 1);
    return status;
  }
}
