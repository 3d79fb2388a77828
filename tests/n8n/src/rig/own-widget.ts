import { randomUUID } from "node:crypto";

interface Line {
  type: string;
  content?: string;
  metadata?: { runIndex: number };
}

/** An answer as it comes to n8n's own widget. */
export class WidgetAnswer {
  /** All that has come of it. */
  text = "";
  /** It is complete. */
  readonly ended: Promise<void>;
  #streamed: boolean;

  constructor(response: Promise<Response>, streamed: boolean) {
    this.#streamed = streamed;
    this.ended = this.#read(response);
    this.ended.catch(() => undefined); // whoever waits for it hears of it
  }

  /** What the widget shows: a text for each run of n8n's stream, or the one answer. */
  get shown(): string[] {
    if (!this.#streamed) return this.text.trim() === "" ? [] : [(JSON.parse(this.text) as { output: string }).output];
    const runs = new Map<number | undefined, string>();
    for (const { type, content = "", metadata } of this.#lines()) {
      if (type === "item") runs.set(metadata?.runIndex, (runs.get(metadata?.runIndex) ?? "") + content);
    }
    return [...runs.values()];
  }

  /** The lines that are complete. */
  #lines(): Line[] {
    return this.text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  }

  async #read(response: Promise<Response>): Promise<void> {
    const { status, body } = await response;
    const decoder = new TextDecoder();
    for await (const chunk of body ?? []) this.text += decoder.decode(chunk, { stream: true });
    if (status !== 200) throw new Error(`the widget was answered ${status}: ${this.text}`);
  }
}

/** A page with n8n's own widget (`@n8n/chat`), which calls chat-relay in n8n's place, with streaming on or off. */
export class OwnWidget {
  #url: string;
  #sessionId = randomUUID();
  #streamed: boolean;

  constructor(gatewayUrl: string, streamed: boolean) {
    this.#url = `${gatewayUrl}/api/chat/n8n`;
    this.#streamed = streamed;
  }

  ask(chatInput: string): WidgetAnswer {
    const body = JSON.stringify({ action: "sendMessage", sessionId: this.#sessionId, chatInput, metadata: {} });
    const headers = { "content-type": "application/json", ...(this.#streamed ? { accept: "text/plain" } : {}) };
    return new WidgetAnswer(fetch(this.#url, { method: "POST", headers, body }), this.#streamed);
  }
}
