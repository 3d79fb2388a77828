import type { ChatMessage } from "@chat-relay/core/message";
import { postOnce } from "./post-once.ts";
import type { Random } from "./random.ts";
import { TEXT_CANARY } from "./product-env.ts";
import type { World } from "./world.ts";

/** What must become of a message in the end. */
export interface Expected {
  status: "answered" | "failed" | "unanswered" | "delivered";
  /** How many replies to it a visitor must see. */
  replies: number;
}

/** A message that a gateway answered with 2xx. */
export interface Accepted {
  message: ChatMessage;
  expected: Expected;
  /** From the first try to the 2xx. */
  tookMs: number;
}

/** An accepted message of this client's own. */
export interface Sent extends Accepted {
  /** Tries before the 2xx that came to nothing. */
  refusals: number;
  /** Whether the gateway told it as one that had been accepted before. */
  isRepeat: boolean;
}

export interface Visitor {
  sessionId: string;
  sessionToken: string;
}

export interface SendOptions {
  content?: string;
  metadata?: Record<string, unknown>;
  expected?: Expected;
}

/** What one request came to. */
export interface Seen {
  /** 0 for none. */
  status: number;
  retryAfter: string | null;
  /** Whether the answer is a problem document of its status. */
  isProblem: boolean;
  /** Why there was no answer, as the client tells it. */
  lost: string | undefined;
  atMs: number;
  tookMs: number;
}

const GIVE_UP_MS = 120_000;
const ANSWERED: Expected = { status: "answered", replies: 1 };

/** Sends of one load that wait to be accepted, at most: beyond, an outage would end in a storm of repeats. */
const MOST_OPEN = 400;

/** Quick at first, then less and less, as a visitor's page does it. */
function retryDelayMs(tries: number): number {
  return Math.min(2_000, 100 * 2 ** Math.max(0, tries - 3));
}

async function readAll(response: Response): Promise<string> {
  return response.text().catch(() => "");
}

/**
 * Visitors of many sessions. Each send is repeated under its key, at any gateway, until one answers; every 2xx is
 * recorded, for the ledger checker to find.
 */
export class Load {
  readonly visitors: Visitor[] = [];
  readonly accepted: Accepted[] = [];
  /** Those of them that this client sent. */
  readonly sent: Sent[] = [];
  /** Answers by status, and "network" for none. */
  readonly answers = new Map<string, number>();
  /** The same one by one, in the order of their ends. */
  readonly seen: Seen[] = [];
  /** Replies that workflows speak unasked, by session. */
  readonly unasked = new Map<string, number>();
  #world: World;
  #random: Random;
  #sent = 0;
  #onOpened: (visitor: Visitor) => void;
  #pickGateway = () => this.#random.pick(this.#world.gateways).url;

  /** `onOpened` hears of each session before anything happens there. */
  constructor(world: World, random: Random, onOpened: (visitor: Visitor) => void) {
    this.#world = world;
    this.#random = random;
    this.#onOpened = onOpened;
  }

  /** From now on requests go where `pick` says; to any gateway by default. */
  route(pick: () => string): void {
    this.#pickGateway = pick;
  }

  /** Opens sessions. */
  async open(count: number): Promise<Visitor[]> {
    const opened: Visitor[] = [];
    const one = async () => {
      const { text } = await this.#until2xx("/api/chat/session", { "content-type": "application/json" }, "{}");
      const { sessionId, sessionToken } = JSON.parse(text) as Visitor;
      opened.push({ sessionId, sessionToken });
      this.#onOpened({ sessionId, sessionToken });
    };
    for (let left = count; left > 0; left -= 20) await Promise.all(Array.from({ length: Math.min(20, left) }, one));
    this.visitors.push(...opened);
    return opened;
  }

  /** Sends one message and does not give up before it is accepted. */
  async send(visitor: Visitor, options: SendOptions = {}): Promise<Sent> {
    this.#sent += 1;
    const content = options.content ?? `message ${this.#sent} ${TEXT_CANARY}`;
    const startedAtMs = performance.now();
    const body = JSON.stringify({ sessionId: visitor.sessionId, content, metadata: options.metadata ?? {} });
    const headers = {
      authorization: `Bearer ${visitor.sessionToken}`,
      "content-type": "application/json",
      "idempotency-key": `key-${this.#sent}`,
    };
    const { text, refusals } = await this.#until2xx("/api/chat/send", headers, body);
    const { duplicate, ...message } = JSON.parse(text) as ChatMessage & { duplicate?: true };
    const tookMs = performance.now() - startedAtMs;
    const isRepeat = duplicate === true;
    const sent = { message, expected: options.expected ?? ANSWERED, tookMs, refusals, isRepeat };
    this.accepted.push(sent);
    this.sent.push(sent);
    return sent;
  }

  /** Messages of random visitors at a steady rate, slower while very many wait; returns when all are accepted. */
  async steady(count: number, perSecond: number, options: SendOptions = {}): Promise<void> {
    const startedAtMs = performance.now();
    const sends: Promise<Sent>[] = [];
    const open = new Set<Promise<Sent>>();
    for (let index = 0; index < count; index += 1) {
      const waitMs = startedAtMs + (index * 1_000) / perSecond - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      while (open.size >= MOST_OPEN) await Promise.race(open);
      const sending = this.send(this.#random.pick(this.visitors), options).finally(() => open.delete(sending));
      sending.catch(() => undefined); // told below, once all have begun
      open.add(sending);
      sends.push(sending);
    }
    await Promise.all(sends);
  }

  /** The whole conversation as its visitor sees it, oldest first. */
  async history(visitor: Visitor): Promise<ChatMessage[]> {
    const all: ChatMessage[] = [];
    let cursor: string | null = null;
    for (;;) {
      const query: string = cursor === null ? "" : `&before=${cursor}`;
      const url = `${this.#gateway()}/api/chat/messages/${visitor.sessionId}?limit=100${query}`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${visitor.sessionToken}` } });
      if (!response.ok) throw new Error(`history: ${response.status} ${await readAll(response)}`);
      const page = (await response.json()) as {
        messages: ChatMessage[];
        pageInfo: { hasMore: boolean; before: string | null };
      };
      all.unshift(...page.messages);
      if (!page.pageInfo.hasMore) return all;
      cursor = page.pageInfo.before;
    }
  }

  #gateway(): string {
    return this.#pickGateway();
  }

  #count(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }

  async #until2xx(
    path: string,
    headers: Record<string, string>,
    body: string,
  ): Promise<{ text: string; refusals: number }> {
    const deadlineMs = performance.now() + GIVE_UP_MS;
    for (let tries = 0; ; tries += 1) {
      const seen = await this.#tryOnce(path, headers, body);
      if (seen.status >= 200 && seen.status < 300) return { text: seen.text, refusals: tries };
      if (seen.status >= 400 && seen.status < 500) throw new Error(`${path}: ${seen.status} ${seen.text}`);
      if (performance.now() > deadlineMs)
        throw new Error(`${path}: not accepted within ${GIVE_UP_MS} ms: ${seen.text}`);
      await new Promise((resolve) => setTimeout(resolve, retryDelayMs(tries) + this.#random.int(300)));
    }
  }

  async #tryOnce(
    path: string,
    headers: Record<string, string>,
    body: string,
  ): Promise<{ status: number; text: string }> {
    const { seen, text } = await postOnce(`${this.#gateway()}${path}`, headers, body);
    this.seen.push(seen);
    this.#count(seen.status === 0 ? "network" : String(seen.status));
    return { status: seen.status, text };
  }
}
