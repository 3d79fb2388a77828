import type { ChatMessage } from "@chat-relay/core/message";
import { startStack, type Stack } from "@chat-relay/testkit/stack";
import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { ChatPage } from "./chat-page.ts";
import { startChromium } from "./chromium.ts";
import { PageWatch } from "./page-watch.ts";
import { startSite, type Site } from "./site.ts";

const ADMIN_TOKEN = "the-operator-of-the-browser-tests";

/** What the tests of a file share: whole processes, one browser, and a web site that is not the gateway's. */
export class BrowserWorld implements AsyncDisposable {
  readonly stack: Stack;
  readonly browser: Browser;
  readonly site: Site;
  #watch = new PageWatch();
  #contexts: BrowserContext[] = [];

  constructor(parts: { stack: Stack; browser: Browser; site: Site }) {
    this.stack = parts.stack;
    this.browser = parts.browser;
    this.site = parts.site;
    this.allow(parts.stack.gateway.url);
    this.allow(parts.site.origin);
  }

  /** A browser of somebody who was never here; closed after the test. */
  async visitor(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await this.browser.newContext(options);
    context.setDefaultTimeout(20_000);
    this.#contexts.push(context);
    await this.#watch.watch(context);
    return context;
  }

  /** A page of the visitor with the chat closed, by default the gateway's own. */
  async visit(visitor: BrowserContext, url = this.stack.gateway.url): Promise<ChatPage> {
    const chat = new ChatPage(await visitor.newPage());
    await chat.page.goto(url);
    return chat;
  }

  /** A visitor who has never been here opens the chat. */
  async openChat(options: BrowserContextOptions = {}, url?: string): Promise<ChatPage> {
    const chat = await this.visit(await this.visitor(options), url);
    await chat.open();
    return chat;
  }

  /** Requests to this origin are none of the things that must not happen. */
  allow(origin: string): void {
    this.#watch.allow(origin);
  }

  /** What is stored of the session. */
  async stored(sessionId: string): Promise<ChatMessage[]> {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const response = await fetch(`${this.stack.gateway.url}/api/chat/admin/sessions/${sessionId}`, { headers });
    return ((await response.json()) as { messages: ChatMessage[] }).messages;
  }

  /** The snippet of the demo page. */
  get snippet(): string {
    return `<script type="module" src="${this.stack.gateway.url}/widget/widget.js"></script>\n<chat-relay></chat-relay>`;
  }

  /** Closes the test's pages, and fails when something happened on them that must not. */
  async endTest(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
    expect(this.#watch.faults.splice(0)).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    await this.stack[Symbol.asyncDispose]();
    await this.site[Symbol.asyncDispose]();
  }
}

/** Starts everything for a test file. `env` sets configuration by variable name; it may need to know the site. */
export function useBrowser(env: (site: Site) => Record<string, string> = () => ({})): () => BrowserWorld {
  let world: BrowserWorld | undefined;
  beforeAll(async () => {
    const site = await startSite();
    const starting = startStack({ CHAT_ADMIN_TOKEN: ADMIN_TOKEN, ...env(site) });
    const [stack, browser] = await Promise.all([starting, startChromium()]);
    world = new BrowserWorld({ stack, browser, site });
  });
  afterEach(() => world?.endTest());
  afterAll(() => world?.[Symbol.asyncDispose]());
  return () => {
    if (world === undefined) throw new Error("not before the tests");
    return world;
  };
}
