import type { Stack } from "@chat-relay/testkit/stack";
import { afterAll, afterEach, beforeAll, inject } from "vitest";
import { Chat } from "./chat.ts";
import { startModelServer, type ModelServer } from "./model-server.ts";
import type { N8n } from "./n8n.ts";
import { Operator } from "./operator.ts";
import { startRelay } from "./relay.ts";
import { startN8n, type StartN8nOptions } from "./start-n8n.ts";

/** What the tests of a file share: one n8n with its model; and chat-relay anew for each test. */
export class World {
  readonly n8n: N8n;
  readonly model: ModelServer;
  #relay: Stack | undefined;
  #chats: Chat[] = [];

  constructor(n8n: N8n, model: ModelServer) {
    this.n8n = n8n;
    this.model = model;
  }

  /** Starts chat-relay, its messages going to the workflow of that path. */
  async relayTo(path: string, env: Record<string, string> = {}): Promise<Stack> {
    await this.endTest();
    this.#relay = await startRelay(this.n8n.webhook(path), env);
    return this.#relay;
  }

  get operator(): Operator {
    return new Operator(this.#running());
  }

  /** A new visitor opens the chat. */
  async chat(): Promise<Chat> {
    const chat = await Chat.open(this.#running().gateway.url);
    this.#chats.push(chat);
    return chat;
  }

  /** Ends chat-relay and its visitors. */
  async endTest(): Promise<void> {
    for (const chat of this.#chats.splice(0)) chat[Symbol.dispose]();
    await this.#relay?.[Symbol.asyncDispose]();
    this.#relay = undefined;
  }

  #running(): Stack {
    if (this.#relay === undefined) throw new Error("chat-relay is not started");
    return this.#relay;
  }
}

/** Starts n8n for a test file. */
export function useN8n(options: StartN8nOptions = {}): () => World {
  let world: World | undefined;
  beforeAll(async () => {
    const model = await startModelServer(inject("n8n").modelPort);
    world = new World(await startN8n(options), model);
  });
  afterEach(() => world?.endTest());
  afterAll(async () => {
    await world?.n8n[Symbol.asyncDispose]();
    await world?.model[Symbol.asyncDispose]();
  });
  return () => {
    if (world === undefined) throw new Error("not before the tests");
    return world;
  };
}
