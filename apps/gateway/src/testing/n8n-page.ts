import { randomUUID } from "node:crypto";
import { request, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { ChatMessage } from "@chat-relay/core/message";
import { waitFor } from "@chat-relay/testkit/wait-for";
import type { LiveGateway } from "./live-gateway.ts";
import { ADMIN } from "./test-gateway.ts";

/** A line of n8n's stream. */
export interface Line {
  type: string;
  content?: string;
  metadata?: { nodeId: string; nodeName: string; itemIndex: number; runIndex: number; timestamp: number };
}

/** What the caller has got so far. On a connection of its own, that goes with it. */
export class Asked {
  text = "";
  /** The answer is complete, or broken off. */
  closed = false;
  status = 0;
  headers: IncomingHttpHeaders = {};
  #request: ClientRequest;

  constructor(url: string, headers: Record<string, string>, body: string) {
    this.#request = request(url, { method: "POST", agent: false, headers });
    this.#request.on("response", (response) => this.#read(response));
    for (const event of ["error", "close"]) this.#request.on(event, () => (this.closed = true));
    this.#request.end(body);
  }

  /** Waits for the head of the answer. */
  async answered(): Promise<this> {
    await waitFor("the answer to begin", () => this.status);
    return this;
  }

  get lines(): Line[] {
    return this.text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line);
  }

  /** What the widget shows: a text for each run, in the order of their beginnings. */
  get shown(): string[] {
    const runs = new Map<number | undefined, string>();
    for (const { type, content = "", metadata } of this.lines) {
      const before = runs.get(metadata?.runIndex) ?? "";
      if (type === "item") runs.set(metadata?.runIndex, before + content);
      if (type === "error") runs.set(metadata?.runIndex, `${before}Error: ${content}`);
    }
    return [...runs.values()];
  }

  /** The JSON of the whole answer. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  async json(): Promise<any> {
    await waitFor("the answer", () => this.closed);
    return JSON.parse(this.text);
  }

  async untilShown(...texts: string[]): Promise<void> {
    const wanted = JSON.stringify(texts);
    await waitFor(`${wanted} to be shown`, () => JSON.stringify(this.shown) === wanted).catch(() => {
      throw new Error(`shown: ${JSON.stringify(this.shown)}, instead of ${wanted}`);
    });
  }

  leave(): void {
    this.#request.destroy();
  }

  #read(response: IncomingMessage): void {
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    response.setEncoding("utf8");
    response.on("data", (text: string) => (this.text += text));
    response.on("error", () => undefined); // left, or broken off
  }
}

/** A page with n8n's widget, as it calls the gateway. */
export class N8nPage {
  readonly sessionId: string;
  #gateway: LiveGateway;

  constructor(gateway: LiveGateway, sessionId: string = randomUUID()) {
    this.#gateway = gateway;
    this.sessionId = sessionId;
  }

  /** Sends a body as it is. */
  post(body: object, headers: Record<string, string> = {}): Asked {
    const url = `${this.#gateway.url}/api/chat/n8n`;
    return new Asked(url, { "content-type": "application/json", ...headers }, JSON.stringify(body));
  }

  ask(chatInput: string, extra: object = {}): Asked {
    return this.post({ action: "sendMessage", sessionId: this.sessionId, chatInput, metadata: {}, ...extra });
  }

  /** Asks with streaming turned on. */
  askStreaming(chatInput: string): Asked {
    const body = { action: "sendMessage", sessionId: this.sessionId, chatInput, metadata: {} };
    return this.post(body, { accept: "text/plain" });
  }

  /** The previous session, each message with who said it. */
  async previous(): Promise<string[]> {
    const { data } = await this.post({ action: "loadPreviousSession", sessionId: this.sessionId }).json();
    return data.map(
      ({ id, kwargs }: { id: string[]; kwargs: { content: string } }) =>
        `${id.includes("HumanMessage") ? "human" : "bot"}: ${kwargs.content}`,
    );
  }

  /** What is stored of the session. */
  async stored(sessionId: string = this.sessionId): Promise<ChatMessage[]> {
    const { data } = await this.#gateway.call("GET", `/api/chat/admin/sessions/${sessionId}`, { headers: ADMIN });
    return data.messages ?? [];
  }

  /** Waits until so many messages with the text are stored; returns the last one's id. */
  async accepted(text: string, count = 1, sessionId = this.sessionId): Promise<string> {
    return waitFor(`"${text}" to be accepted`, async () => {
      const said = (await this.stored(sessionId)).filter(({ role, content }) => role === "user" && content === text);
      return said.length === count && said.at(-1)?.id;
    });
  }
}
