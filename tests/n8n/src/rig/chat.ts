import type { ChatMessage } from "@chat-relay/core/message";
import { LiveReader, type WireEvent } from "@chat-relay/testkit/live-reader";
import { createVisitor, type Visitor } from "@chat-relay/testkit/visitor";
import { waitFor } from "@chat-relay/testkit/wait-for";

const PATIENCE_MS = 60_000;

interface Heard extends WireEvent {
  atMs: number;
}

/** A message of the visitor, accepted. */
export interface Asked {
  message: ChatMessage;
  sentAtMs: number;
}

/** What came of a message, and when, from its sending on. */
export interface Answered {
  reply: ChatMessage;
  /** Null when it was not streamed. */
  firstPieceMs: number | null;
  finishedMs: number;
}

/** A visitor who has the chat open: all that is shown comes by the live stream. */
export class Chat implements Disposable {
  readonly visitor: Visitor;
  #reader: LiveReader;
  #heard: Heard[] = [];
  #faults: Error[] = [];

  private constructor(visitor: Visitor, gatewayUrl: string) {
    this.visitor = visitor;
    const { sessionId, sessionToken: token } = visitor;
    const listener = {
      onEvent: (event: WireEvent) => void this.#heard.push({ ...event, atMs: performance.now() }),
      onFault: (error: Error) => void this.#faults.push(error),
      onClosed: () => undefined,
    };
    this.#reader = new LiveReader({ url: gatewayUrl, sessionId, token, listener });
  }

  static async open(gatewayUrl: string): Promise<Chat> {
    const chat = new Chat(await createVisitor(gatewayUrl), gatewayUrl);
    await waitFor("the live stream", () => chat.#heard.some(({ event }) => event === "ready"));
    return chat;
  }

  async send(content: string): Promise<Asked> {
    const sentAtMs = performance.now();
    return { message: await this.visitor.send(content), sentAtMs };
  }

  /** Waits for the reply to a message. */
  async answer({ message, sentAtMs }: Asked, { withinMs = PATIENCE_MS } = {}): Promise<Answered> {
    const told = await waitFor(`the reply to "${message.content}"`, () => this.#reply(message.id), withinMs);
    if (this.#faults[0] !== undefined) throw this.#faults[0];
    const piece = this.#pieces(message.id).find(({ data }) => data.content !== "");
    const firstPieceMs = piece === undefined ? null : piece.atMs - sentAtMs;
    return { reply: told.data as ChatMessage, firstPieceMs, finishedMs: told.atMs - sentAtMs };
  }

  async ask(content: string, options: { withinMs?: number } = {}): Promise<Answered> {
    return this.answer(await this.send(content), options);
  }

  /** Waits until the message was told to be of that status. */
  async told(messageId: string, status: ChatMessage["status"], withinMs = PATIENCE_MS): Promise<void> {
    await waitFor(`${status} to be told`, () => this.statuses(messageId).includes(status), withinMs);
  }

  /** Statuses of the message in the order in which they were told, as "queued 1": with the attempts so far. */
  statusesWithAttempts(messageId: string): string[] {
    return this.#changes(messageId).map(({ data }) => `${data.status} ${data.attempts}`);
  }

  statuses(messageId: string): string[] {
    return this.#changes(messageId).map(({ data }) => String(data.status));
  }

  /** What the visitor sees written of the reply so far. */
  shown(messageId: string): string {
    return this.#pieces(messageId).reduce((text, { data }) => text.slice(0, data.offset) + data.content, "");
  }

  /** Waits until that is what the visitor sees written of the reply so far. */
  async untilShown({ message }: Asked, text: string): Promise<void> {
    await waitFor(`"${text}" to be shown`, () => this.shown(message.id) === text, PATIENCE_MS);
  }

  /** Everything that the assistant has said, in order. */
  said(): string[] {
    return this.#heard
      .filter(({ event, data }) => event === "message" && data.role === "assistant")
      .map(({ data }) => data.content);
  }

  [Symbol.dispose](): void {
    this.#reader.close();
  }

  #changes(messageId: string): Heard[] {
    return this.#heard.filter(({ event, data }) => event === "status" && data.messageId === messageId);
  }

  #pieces(messageId: string): Heard[] {
    return this.#heard.filter(({ event, data }) => event === "delta" && data.replyTo === messageId);
  }

  #reply(messageId: string): Heard | undefined {
    return this.#heard.find(({ event, data }) => event === "message" && data.replyTo === messageId);
  }
}
